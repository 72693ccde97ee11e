
set edit:completion:arg-completer[mqt] = { |@words|
    var index = (count $words)
    set index = (- $index 1)

    put (env _CLAP_IFS="\n" _CLAP_COMPLETE_INDEX=(to-string $index) MQT_COMPLETE="elvish" mqt -- $@words) | to-lines
}

