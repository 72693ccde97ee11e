complete --keep-order --exclusive --command mqt --arguments "(MQT_COMPLETE=fish mqt -- (commandline --current-process --tokenize --cut-at-cursor) (commandline --current-token))"
