{
  description = "Publish, subscribe, watch and load-test any MQTT broker from the command line";

  inputs.nixpkgs.url = "github:NixOS/nixpkgs/nixos-unstable";

  outputs =
    { self, nixpkgs }:
    let
      systems = [
        "x86_64-linux"
        "aarch64-linux"
        "x86_64-darwin"
        "aarch64-darwin"
      ];
      eachSystem = build: nixpkgs.lib.genAttrs systems (system: build nixpkgs.legacyPackages.${system});
      manifest = (nixpkgs.lib.importTOML ./Cargo.toml).workspace.package;
    in
    {
      packages = eachSystem (pkgs: {
        default = pkgs.rustPlatform.buildRustPackage {
          pname = "mqt";
          inherit (manifest) version;
          src = self;
          cargoLock.lockFile = ./Cargo.lock;
          # AWS-LC is C, and on some systems built by cmake.
          nativeBuildInputs = [
            pkgs.cmake
            pkgs.installShellFiles
          ];
          dontUseCmakeConfigure = true;
          # The tests talk to brokers that the sandbox does not have.
          doCheck = false;
          postInstall = ''
            installManPage man/mqt*.[1-8]
            installShellCompletion --bash --name mqt completions/mqt.bash
            installShellCompletion --zsh completions/_mqt
            installShellCompletion --fish completions/mqt.fish
          '';
          doInstallCheck = true;
          installCheckPhase = ''
            $out/bin/mqt --version | grep -F ${manifest.version}
          '';
          meta = {
            mainProgram = "mqt";
            license = [
              nixpkgs.lib.licenses.asl20
              nixpkgs.lib.licenses.mit
            ];
          };
        };
      });
    };
}
