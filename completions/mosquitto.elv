
set edit:completion:arg-completer[mosquitto_pub] = { |@words|
    var index = (count $words)
    set index = (- $index 1)

    put (env _CLAP_IFS="\n" _CLAP_COMPLETE_INDEX=(to-string $index) MQT_COMPLETE="elvish" mqt -- $@words) | to-lines
}


set edit:completion:arg-completer[mosquitto_sub] = { |@words|
    var index = (count $words)
    set index = (- $index 1)

    put (env _CLAP_IFS="\n" _CLAP_COMPLETE_INDEX=(to-string $index) MQT_COMPLETE="elvish" mqt -- $@words) | to-lines
}


set edit:completion:arg-completer[mosquitto_rr] = { |@words|
    var index = (count $words)
    set index = (- $index 1)

    put (env _CLAP_IFS="\n" _CLAP_COMPLETE_INDEX=(to-string $index) MQT_COMPLETE="elvish" mqt -- $@words) | to-lines
}

