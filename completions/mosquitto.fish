complete --keep-order --exclusive --command mosquitto_pub --arguments "(MQT_COMPLETE=fish mqt -- (commandline --current-process --tokenize --cut-at-cursor) (commandline --current-token))"
complete --keep-order --exclusive --command mosquitto_sub --arguments "(MQT_COMPLETE=fish mqt -- (commandline --current-process --tokenize --cut-at-cursor) (commandline --current-token))"
complete --keep-order --exclusive --command mosquitto_rr --arguments "(MQT_COMPLETE=fish mqt -- (commandline --current-process --tokenize --cut-at-cursor) (commandline --current-token))"
