# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_mqt_global_optspecs
    string join \n version help ?
end

function __fish_mqt_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_mqt_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_mqt_using_subcommand
    set -l cmd (__fish_mqt_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c mqt -n "__fish_mqt_needs_command" -l version -d 'Print the version'
complete -c mqt -n "__fish_mqt_needs_command" -l help -d 'Print the full help'
complete -c mqt -n "__fish_mqt_needs_command" -s ?
complete -c mqt -n "__fish_mqt_needs_command" -f -a "pub" -d 'Publish messages'
complete -c mqt -n "__fish_mqt_needs_command" -f -a "sub" -d 'Subscribe and print messages'
complete -c mqt -n "__fish_mqt_needs_command" -f -a "bench" -d 'Load-test a broker'
complete -c mqt -n "__fish_mqt_needs_command" -f -a "rr" -d 'Send a request and print the answer, or answer requests'
complete -c mqt -n "__fish_mqt_needs_command" -f -a "watch" -d 'Watch a broker live: topics, values, rates, history'
complete -c mqt -n "__fish_mqt_needs_command" -f -a "broker" -d 'Run a small broker for development'
complete -c mqt -n "__fish_mqt_needs_command" -f -a "profile" -d 'List and show profiles'
complete -c mqt -n "__fish_mqt_needs_command" -f -a "install-links" -d 'Make links named mosquitto_pub, mosquitto_sub and mosquitto_rr'
complete -c mqt -n "__fish_mqt_needs_command" -f -a "generate" -d 'Make shell completions and manual pages'
complete -c mqt -n "__fish_mqt_needs_command" -f -a "help" -d 'Show help for a command or a topic'
complete -c mqt -n "__fish_mqt_using_subcommand pub" -s t -l topic -d 'Publish to this topic; repeatable' -r
complete -c mqt -n "__fish_mqt_using_subcommand pub" -s m -l message -d 'Publish this text' -r
complete -c mqt -n "__fish_mqt_using_subcommand pub" -s f -l file -d 'Publish the content of this file as one message' -r -F
complete -c mqt -n "__fish_mqt_using_subcommand pub" -l replay -d 'Replay a recording with its original timing' -r -F
complete -c mqt -n "__fish_mqt_using_subcommand pub" -l speed -d 'Replay at this multiple of the original speed [default: 1x]' -r
complete -c mqt -n "__fish_mqt_using_subcommand pub" -l split-topic -d 'Split each line into topic, separator and payload' -r
complete -c mqt -n "__fish_mqt_using_subcommand pub" -s q -l qos -d 'QoS level of the messages: 0, 1 or 2 [default: 0]' -r -f -a "0\t''
1\t''
2\t''"
complete -c mqt -n "__fish_mqt_using_subcommand pub" -l repeat -d 'Publish the message this many times [default: 1]' -r
complete -c mqt -n "__fish_mqt_using_subcommand pub" -l repeat-delay -d 'Wait this long between two rounds of --repeat [default: 0]' -r
complete -c mqt -n "__fish_mqt_using_subcommand pub" -s W -l timeout -d 'Exit after this long, connecting included' -r
complete -c mqt -n "__fish_mqt_using_subcommand pub" -l on-error -d 'What to do with input that cannot be published: stop or skip [default: stop]' -r -f -a "stop\t'Publish what came before it, report it and end'
skip\t'Report it and go on; the exit status tells it in the end'"
complete -c mqt -n "__fish_mqt_using_subcommand pub" -s L -l url -d 'Connect to the broker at this URL' -r
complete -c mqt -n "__fish_mqt_using_subcommand pub" -s h -l host -d 'Connect to this host [default: localhost]' -r
complete -c mqt -n "__fish_mqt_using_subcommand pub" -s p -l port -d 'Connect to this port [default: 1883, with TLS 8883]' -r
complete -c mqt -n "__fish_mqt_using_subcommand pub" -l unix -d 'Connect to this unix socket' -r -F
complete -c mqt -n "__fish_mqt_using_subcommand pub" -l ws-path -d 'Request this path for WebSocket [default: /mqtt]' -r
complete -c mqt -n "__fish_mqt_using_subcommand pub" -l ws-header -d 'Send this HTTP header with the WebSocket request; repeatable' -r
complete -c mqt -n "__fish_mqt_using_subcommand pub" -l proxy -d 'Connect through this proxy' -r
complete -c mqt -n "__fish_mqt_using_subcommand pub" -s A -l bind -d 'Connect from this local address' -r
complete -c mqt -n "__fish_mqt_using_subcommand pub" -l connect-timeout -d 'Connection timeout [default: 10s]' -r
complete -c mqt -n "__fish_mqt_using_subcommand pub" -l ack-timeout -d 'Give up when the broker does not answer a request for this long [default: 60s]' -r
complete -c mqt -n "__fish_mqt_using_subcommand pub" -l retry -d 'Retry the first connection, up to N times [default: do not retry]' -r
complete -c mqt -n "__fish_mqt_using_subcommand pub" -l profile -d 'Use the options in this profile [default: the profile named default, if it exists]' -r -f
complete -c mqt -n "__fish_mqt_using_subcommand pub" -s o -l options-file -d 'Read further options from this file' -r -F
complete -c mqt -n "__fish_mqt_using_subcommand pub" -s u -l username -d 'Log in with this user name' -r
complete -c mqt -n "__fish_mqt_using_subcommand pub" -s P -l pw -l password -d 'Log in with this password' -r
complete -c mqt -n "__fish_mqt_using_subcommand pub" -l password-file -d 'Read the password from this file' -r -F
complete -c mqt -n "__fish_mqt_using_subcommand pub" -l password-command -d 'Use the output of this command as the password' -r
complete -c mqt -n "__fish_mqt_using_subcommand pub" -l cafile -d 'Trust only the CA certificates in this file' -r -F
complete -c mqt -n "__fish_mqt_using_subcommand pub" -l capath -d 'Trust only the CA certificates in this folder' -r -F
complete -c mqt -n "__fish_mqt_using_subcommand pub" -l crl -d 'Reject certificates revoked by this CRL' -r -F
complete -c mqt -n "__fish_mqt_using_subcommand pub" -l cert -d 'Client certificate' -r -F
complete -c mqt -n "__fish_mqt_using_subcommand pub" -l key -d 'Private key for --cert' -r -F
complete -c mqt -n "__fish_mqt_using_subcommand pub" -l key-command -d 'Use the output of this command as the private key for --cert' -r
complete -c mqt -n "__fish_mqt_using_subcommand pub" -l key-password-file -d 'Read the password of an encrypted private key from this file' -r -F
complete -c mqt -n "__fish_mqt_using_subcommand pub" -l tls-server-name -d 'Check the broker\'s certificate for this name instead of the host' -r
complete -c mqt -n "__fish_mqt_using_subcommand pub" -l tls-pin -d 'Trust exactly the certificate with this digest; repeatable' -r
complete -c mqt -n "__fish_mqt_using_subcommand pub" -l tls-alpn -d 'Offer this ALPN protocol' -r
complete -c mqt -n "__fish_mqt_using_subcommand pub" -l tls-version -d 'Oldest TLS version to accept: tlsv1.2 or tlsv1.3 [default: tlsv1.2]' -r -f -a "tlsv1.2\t'TLS 1.2 or 1.3'
tlsv1.3\t'TLS 1.3'"
complete -c mqt -n "__fish_mqt_using_subcommand pub" -l ciphers -d 'Offer only these cipher suites' -r
complete -c mqt -n "__fish_mqt_using_subcommand pub" -l psk -d 'Not available: TLS with a pre-shared key' -r
complete -c mqt -n "__fish_mqt_using_subcommand pub" -l psk-identity -d 'Not available: the identity of --psk' -r
complete -c mqt -n "__fish_mqt_using_subcommand pub" -l keyform -d 'Only pem is available: the form of --key' -r
complete -c mqt -n "__fish_mqt_using_subcommand pub" -l tls-engine -d 'Not available: an OpenSSL engine' -r
complete -c mqt -n "__fish_mqt_using_subcommand pub" -l tls-engine-kpass-sha1 -d 'Not available: the password of a key in an engine' -r
complete -c mqt -n "__fish_mqt_using_subcommand pub" -l tls-keylog -d 'Append the TLS session secrets to this file' -r -F
complete -c mqt -n "__fish_mqt_using_subcommand pub" -s V -l protocol-version -d 'MQTT version: auto, 5, 3.1.1 or 3.1 [default: auto]' -r -f -a "auto\t''
5\t''
3.1.1\t''
3.1\t''"
complete -c mqt -n "__fish_mqt_using_subcommand pub" -s i -l id -d 'Client identifier [default: mqt- and 16 random hexadecimal digits]' -r
complete -c mqt -n "__fish_mqt_using_subcommand pub" -s I -l id-prefix -d 'Use this prefix and the process ID as the client identifier' -r
complete -c mqt -n "__fish_mqt_using_subcommand pub" -s x -l session-expiry -d 'Session lifetime after disconnecting [default: 0, with -c never]' -r
complete -c mqt -n "__fish_mqt_using_subcommand pub" -s k -l keepalive -d 'Keepalive interval [default: 60]' -r
complete -c mqt -n "__fish_mqt_using_subcommand pub" -s M -l max-inflight -d 'Maximum number of unacknowledged QoS 1 and 2 messages [default: 20]' -r
complete -c mqt -n "__fish_mqt_using_subcommand pub" -l max-message -d 'Accept packets up to this size [default: 256M]' -r
complete -c mqt -n "__fish_mqt_using_subcommand pub" -s D -l property -d 'Add an MQTT 5 property: PACKET NAME VALUE; repeatable' -r -f
complete -c mqt -n "__fish_mqt_using_subcommand pub" -l will-topic -d 'Topic of the will message, published by the broker if the connection is lost' -r
complete -c mqt -n "__fish_mqt_using_subcommand pub" -l will-payload -d 'Payload of the will message [default: empty]' -r
complete -c mqt -n "__fish_mqt_using_subcommand pub" -l will-file -d 'Read the payload of the will message from this file' -r -F
complete -c mqt -n "__fish_mqt_using_subcommand pub" -l will-qos -d 'QoS level of the will message: 0, 1 or 2 [default: 0]' -r -f -a "0\t''
1\t''
2\t''"
complete -c mqt -n "__fish_mqt_using_subcommand pub" -l color -d 'Use colours: auto, always or never [default: auto]' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c mqt -n "__fish_mqt_using_subcommand pub" -l summary -d 'Print a summary at exit: text or json [default: only if something is unconfirmed, or on Ctrl-C]' -r -f -a "text\t'A line for people'
json\t'One JSON object in one line'"
complete -c mqt -n "__fish_mqt_using_subcommand pub" -s s -l stdin-file -d 'Publish all of standard input as one message'
complete -c mqt -n "__fish_mqt_using_subcommand pub" -s l -l stdin-line -d 'Publish each line of standard input as a message'
complete -c mqt -n "__fish_mqt_using_subcommand pub" -s 0 -l stdin-null -d 'Publish each NUL-terminated record of standard input as a message'
complete -c mqt -n "__fish_mqt_using_subcommand pub" -s n -l null-message -d 'Publish an empty message'
complete -c mqt -n "__fish_mqt_using_subcommand pub" -l json -d 'Publish each JSON object on standard input'
complete -c mqt -n "__fish_mqt_using_subcommand pub" -l crlf -d 'Remove a carriage return from the end of each line'
complete -c mqt -n "__fish_mqt_using_subcommand pub" -s r -l retain -d 'Retain the message on the broker'
complete -c mqt -n "__fish_mqt_using_subcommand pub" -l downgrade-qos -d 'Lower the QoS to what the broker supports'
complete -c mqt -n "__fish_mqt_using_subcommand pub" -l require-subscriber -d 'Fail if nobody has subscribed to the topic'
complete -c mqt -n "__fish_mqt_using_subcommand pub" -l with-broker -d 'Start a built-in development broker and publish to it'
complete -c mqt -n "__fish_mqt_using_subcommand pub" -l ws -d 'Use WebSocket'
complete -c mqt -n "__fish_mqt_using_subcommand pub" -s 4 -l ipv4 -d 'Use IPv4 addresses only'
complete -c mqt -n "__fish_mqt_using_subcommand pub" -s 6 -l ipv6 -d 'Use IPv6 addresses only'
complete -c mqt -n "__fish_mqt_using_subcommand pub" -s S -l srv -d 'Look up the brokers of the domain --host (DNS SRV)'
complete -c mqt -n "__fish_mqt_using_subcommand pub" -l nodelay -d 'Accepted for compatibility; TCP_NODELAY is always on'
complete -c mqt -n "__fish_mqt_using_subcommand pub" -l no-reconnect -d 'Exit instead of reconnecting when the connection is lost'
complete -c mqt -n "__fish_mqt_using_subcommand pub" -l password-stdin -d 'Read the password from standard input'
complete -c mqt -n "__fish_mqt_using_subcommand pub" -l password-prompt -d 'Ask for the password on the terminal'
complete -c mqt -n "__fish_mqt_using_subcommand pub" -l tls -d 'Use TLS'
complete -c mqt -n "__fish_mqt_using_subcommand pub" -l tls-use-os-certs -d 'Also trust the system\'s CAs'
complete -c mqt -n "__fish_mqt_using_subcommand pub" -l tls-legacy -d 'Accept old kinds of broker certificates, as mosquitto does'
complete -c mqt -n "__fish_mqt_using_subcommand pub" -l insecure -d 'Do not check the broker\'s certificate'
complete -c mqt -n "__fish_mqt_using_subcommand pub" -l no-tls -d 'Do not use TLS, whatever other options say'
complete -c mqt -n "__fish_mqt_using_subcommand pub" -s c -l disable-clean-session -d 'Keep the session when disconnecting: subscriptions and queued messages'
complete -c mqt -n "__fish_mqt_using_subcommand pub" -l will-retain -d 'Retain the will message'
complete -c mqt -n "__fish_mqt_using_subcommand pub" -s d -l debug -d 'Log every packet'
complete -c mqt -n "__fish_mqt_using_subcommand pub" -l quiet -d 'Suppress errors, warnings, notes and progress'
complete -c mqt -n "__fish_mqt_using_subcommand pub" -l help -d 'Print the full help'
complete -c mqt -n "__fish_mqt_using_subcommand pub" -s ?
complete -c mqt -n "__fish_mqt_using_subcommand sub" -s t -l topic -d 'Subscribe to this topic filter; repeatable' -r
complete -c mqt -n "__fish_mqt_using_subcommand sub" -s T -l filter-out -d 'Discard messages whose topic matches this filter; repeatable' -r
complete -c mqt -n "__fish_mqt_using_subcommand sub" -s U -l unsubscribe -d 'Unsubscribe from this filter; repeatable' -r
complete -c mqt -n "__fish_mqt_using_subcommand sub" -s q -l qos -d 'Request this QoS level: 0, 1 or 2 [default: 0]' -r -f -a "0\t''
1\t''
2\t''"
complete -c mqt -n "__fish_mqt_using_subcommand sub" -l retain-handling -d 'When the broker sends retained messages: always, new or never [default: always]' -r -f -a "always\t'Each time it is made'
new\t'Only when it is new'
never\t'Never'"
complete -c mqt -n "__fish_mqt_using_subcommand sub" -l subscription-id -d 'Set the subscription identifier' -r
complete -c mqt -n "__fish_mqt_using_subcommand sub" -s C -l count -d 'Exit after receiving this many messages' -r
complete -c mqt -n "__fish_mqt_using_subcommand sub" -s W -l timeout -d 'Exit after this long, connecting included' -r
complete -c mqt -n "__fish_mqt_using_subcommand sub" -l idle -d 'Exit when no message has arrived for this long' -r
complete -c mqt -n "__fish_mqt_using_subcommand sub" -s F -l format -d 'Print each message in this format' -r
complete -c mqt -n "__fish_mqt_using_subcommand sub" -l random-filter -d 'Print a random sample of the messages, in percent' -r
complete -c mqt -n "__fish_mqt_using_subcommand sub" -l overflow -d 'What to do when output is slower than the broker: block, drop-new, drop-old or exit [default: block]' -r -f -a "block\t'Stop reading from the broker'
drop-new\t'Drop QoS 0 messages as they come in'
drop-old\t'Drop the oldest waiting QoS 0 messages'
exit\t'Fail'"
complete -c mqt -n "__fish_mqt_using_subcommand sub" -l max-memory -d 'Memory for messages waiting to be printed [default: 64M]' -r
complete -c mqt -n "__fish_mqt_using_subcommand sub" -s L -l url -d 'Connect to the broker at this URL' -r
complete -c mqt -n "__fish_mqt_using_subcommand sub" -s h -l host -d 'Connect to this host [default: localhost]' -r
complete -c mqt -n "__fish_mqt_using_subcommand sub" -s p -l port -d 'Connect to this port [default: 1883, with TLS 8883]' -r
complete -c mqt -n "__fish_mqt_using_subcommand sub" -l unix -d 'Connect to this unix socket' -r -F
complete -c mqt -n "__fish_mqt_using_subcommand sub" -l ws-path -d 'Request this path for WebSocket [default: /mqtt]' -r
complete -c mqt -n "__fish_mqt_using_subcommand sub" -l ws-header -d 'Send this HTTP header with the WebSocket request; repeatable' -r
complete -c mqt -n "__fish_mqt_using_subcommand sub" -l proxy -d 'Connect through this proxy' -r
complete -c mqt -n "__fish_mqt_using_subcommand sub" -s A -l bind -d 'Connect from this local address' -r
complete -c mqt -n "__fish_mqt_using_subcommand sub" -l connect-timeout -d 'Connection timeout [default: 10s]' -r
complete -c mqt -n "__fish_mqt_using_subcommand sub" -l ack-timeout -d 'Give up when the broker does not answer a request for this long [default: 60s]' -r
complete -c mqt -n "__fish_mqt_using_subcommand sub" -l retry -d 'Retry the first connection, up to N times [default: do not retry]' -r
complete -c mqt -n "__fish_mqt_using_subcommand sub" -l profile -d 'Use the options in this profile [default: the profile named default, if it exists]' -r -f
complete -c mqt -n "__fish_mqt_using_subcommand sub" -s o -l options-file -d 'Read further options from this file' -r -F
complete -c mqt -n "__fish_mqt_using_subcommand sub" -s u -l username -d 'Log in with this user name' -r
complete -c mqt -n "__fish_mqt_using_subcommand sub" -s P -l pw -l password -d 'Log in with this password' -r
complete -c mqt -n "__fish_mqt_using_subcommand sub" -l password-file -d 'Read the password from this file' -r -F
complete -c mqt -n "__fish_mqt_using_subcommand sub" -l password-command -d 'Use the output of this command as the password' -r
complete -c mqt -n "__fish_mqt_using_subcommand sub" -l cafile -d 'Trust only the CA certificates in this file' -r -F
complete -c mqt -n "__fish_mqt_using_subcommand sub" -l capath -d 'Trust only the CA certificates in this folder' -r -F
complete -c mqt -n "__fish_mqt_using_subcommand sub" -l crl -d 'Reject certificates revoked by this CRL' -r -F
complete -c mqt -n "__fish_mqt_using_subcommand sub" -l cert -d 'Client certificate' -r -F
complete -c mqt -n "__fish_mqt_using_subcommand sub" -l key -d 'Private key for --cert' -r -F
complete -c mqt -n "__fish_mqt_using_subcommand sub" -l key-command -d 'Use the output of this command as the private key for --cert' -r
complete -c mqt -n "__fish_mqt_using_subcommand sub" -l key-password-file -d 'Read the password of an encrypted private key from this file' -r -F
complete -c mqt -n "__fish_mqt_using_subcommand sub" -l tls-server-name -d 'Check the broker\'s certificate for this name instead of the host' -r
complete -c mqt -n "__fish_mqt_using_subcommand sub" -l tls-pin -d 'Trust exactly the certificate with this digest; repeatable' -r
complete -c mqt -n "__fish_mqt_using_subcommand sub" -l tls-alpn -d 'Offer this ALPN protocol' -r
complete -c mqt -n "__fish_mqt_using_subcommand sub" -l tls-version -d 'Oldest TLS version to accept: tlsv1.2 or tlsv1.3 [default: tlsv1.2]' -r -f -a "tlsv1.2\t'TLS 1.2 or 1.3'
tlsv1.3\t'TLS 1.3'"
complete -c mqt -n "__fish_mqt_using_subcommand sub" -l ciphers -d 'Offer only these cipher suites' -r
complete -c mqt -n "__fish_mqt_using_subcommand sub" -l psk -d 'Not available: TLS with a pre-shared key' -r
complete -c mqt -n "__fish_mqt_using_subcommand sub" -l psk-identity -d 'Not available: the identity of --psk' -r
complete -c mqt -n "__fish_mqt_using_subcommand sub" -l keyform -d 'Only pem is available: the form of --key' -r
complete -c mqt -n "__fish_mqt_using_subcommand sub" -l tls-engine -d 'Not available: an OpenSSL engine' -r
complete -c mqt -n "__fish_mqt_using_subcommand sub" -l tls-engine-kpass-sha1 -d 'Not available: the password of a key in an engine' -r
complete -c mqt -n "__fish_mqt_using_subcommand sub" -l tls-keylog -d 'Append the TLS session secrets to this file' -r -F
complete -c mqt -n "__fish_mqt_using_subcommand sub" -s V -l protocol-version -d 'MQTT version: auto, 5, 3.1.1 or 3.1 [default: auto]' -r -f -a "auto\t''
5\t''
3.1.1\t''
3.1\t''"
complete -c mqt -n "__fish_mqt_using_subcommand sub" -s i -l id -d 'Client identifier [default: mqt- and 16 random hexadecimal digits]' -r
complete -c mqt -n "__fish_mqt_using_subcommand sub" -s I -l id-prefix -d 'Use this prefix and the process ID as the client identifier' -r
complete -c mqt -n "__fish_mqt_using_subcommand sub" -s x -l session-expiry -d 'Session lifetime after disconnecting [default: 0, with -c never]' -r
complete -c mqt -n "__fish_mqt_using_subcommand sub" -s k -l keepalive -d 'Keepalive interval [default: 60]' -r
complete -c mqt -n "__fish_mqt_using_subcommand sub" -s M -l max-inflight -d 'Maximum number of unacknowledged QoS 1 and 2 messages [default: 20]' -r
complete -c mqt -n "__fish_mqt_using_subcommand sub" -l max-message -d 'Accept packets up to this size [default: 256M]' -r
complete -c mqt -n "__fish_mqt_using_subcommand sub" -s D -l property -d 'Add an MQTT 5 property: PACKET NAME VALUE; repeatable' -r -f
complete -c mqt -n "__fish_mqt_using_subcommand sub" -l will-topic -d 'Topic of the will message, published by the broker if the connection is lost' -r
complete -c mqt -n "__fish_mqt_using_subcommand sub" -l will-payload -d 'Payload of the will message [default: empty]' -r
complete -c mqt -n "__fish_mqt_using_subcommand sub" -l will-file -d 'Read the payload of the will message from this file' -r -F
complete -c mqt -n "__fish_mqt_using_subcommand sub" -l will-qos -d 'QoS level of the will message: 0, 1 or 2 [default: 0]' -r -f -a "0\t''
1\t''
2\t''"
complete -c mqt -n "__fish_mqt_using_subcommand sub" -l color -d 'Use colours: auto, always or never [default: auto]' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c mqt -n "__fish_mqt_using_subcommand sub" -l summary -d 'Print a summary at exit: text or json [default: only if something is unconfirmed, or on Ctrl-C]' -r -f -a "text\t'A line for people'
json\t'One JSON object in one line'"
complete -c mqt -n "__fish_mqt_using_subcommand sub" -s R -l no-retained -d 'Skip retained messages'
complete -c mqt -n "__fish_mqt_using_subcommand sub" -l retained-only -d 'Print only retained messages, and exit once all of them have arrived'
complete -c mqt -n "__fish_mqt_using_subcommand sub" -l remove-retained -d 'Clear each retained message that arrives'
complete -c mqt -n "__fish_mqt_using_subcommand sub" -l retain-as-published -d 'Keep the retain flag as published'
complete -c mqt -n "__fish_mqt_using_subcommand sub" -l no-local -d 'Do not receive messages published by this client'
complete -c mqt -n "__fish_mqt_using_subcommand sub" -l strict -d 'Fail if any subscription is refused or granted a lower QoS'
complete -c mqt -n "__fish_mqt_using_subcommand sub" -l with-broker -d 'Start a built-in development broker and subscribe to it'
complete -c mqt -n "__fish_mqt_using_subcommand sub" -s E -l exit-after-subscribe -d 'Exit once the broker has acknowledged the subscriptions'
complete -c mqt -n "__fish_mqt_using_subcommand sub" -s v -l verbose -d 'Print the topic before the payload'
complete -c mqt -n "__fish_mqt_using_subcommand sub" -l json -d 'Print each message as a JSON object'
complete -c mqt -n "__fish_mqt_using_subcommand sub" -l pretty -d 'Indent JSON over several lines'
complete -c mqt -n "__fish_mqt_using_subcommand sub" -s w -l watch -d 'Show one line per topic, updated in place'
complete -c mqt -n "__fish_mqt_using_subcommand sub" -l message-rate -d 'Print a message count every second instead of the messages'
complete -c mqt -n "__fish_mqt_using_subcommand sub" -s N -l no-newline -d 'Do not print a line feed after each message'
complete -c mqt -n "__fish_mqt_using_subcommand sub" -l raw -d 'Print control characters unescaped, even on a terminal'
complete -c mqt -n "__fish_mqt_using_subcommand sub" -l buffer -d 'Buffer output instead of writing each message at once'
complete -c mqt -n "__fish_mqt_using_subcommand sub" -l ws -d 'Use WebSocket'
complete -c mqt -n "__fish_mqt_using_subcommand sub" -s 4 -l ipv4 -d 'Use IPv4 addresses only'
complete -c mqt -n "__fish_mqt_using_subcommand sub" -s 6 -l ipv6 -d 'Use IPv6 addresses only'
complete -c mqt -n "__fish_mqt_using_subcommand sub" -s S -l srv -d 'Look up the brokers of the domain --host (DNS SRV)'
complete -c mqt -n "__fish_mqt_using_subcommand sub" -l nodelay -d 'Accepted for compatibility; TCP_NODELAY is always on'
complete -c mqt -n "__fish_mqt_using_subcommand sub" -l no-reconnect -d 'Exit instead of reconnecting when the connection is lost'
complete -c mqt -n "__fish_mqt_using_subcommand sub" -l password-stdin -d 'Read the password from standard input'
complete -c mqt -n "__fish_mqt_using_subcommand sub" -l password-prompt -d 'Ask for the password on the terminal'
complete -c mqt -n "__fish_mqt_using_subcommand sub" -l tls -d 'Use TLS'
complete -c mqt -n "__fish_mqt_using_subcommand sub" -l tls-use-os-certs -d 'Also trust the system\'s CAs'
complete -c mqt -n "__fish_mqt_using_subcommand sub" -l tls-legacy -d 'Accept old kinds of broker certificates, as mosquitto does'
complete -c mqt -n "__fish_mqt_using_subcommand sub" -l insecure -d 'Do not check the broker\'s certificate'
complete -c mqt -n "__fish_mqt_using_subcommand sub" -l no-tls -d 'Do not use TLS, whatever other options say'
complete -c mqt -n "__fish_mqt_using_subcommand sub" -s c -l disable-clean-session -d 'Keep the session when disconnecting: subscriptions and queued messages'
complete -c mqt -n "__fish_mqt_using_subcommand sub" -l will-retain -d 'Retain the will message'
complete -c mqt -n "__fish_mqt_using_subcommand sub" -s d -l debug -d 'Log every packet'
complete -c mqt -n "__fish_mqt_using_subcommand sub" -l quiet -d 'Suppress errors, warnings, notes and progress'
complete -c mqt -n "__fish_mqt_using_subcommand sub" -l help -d 'Print the full help'
complete -c mqt -n "__fish_mqt_using_subcommand sub" -s ?
complete -c mqt -n "__fish_mqt_using_subcommand bench; and not __fish_seen_subcommand_from compare merge" -l preset -d 'Run a case of the Open MQTT Benchmark Suite' -r -f -a "connect-10k\t'10,000 connections, 100 a second'
connect-1m\t'1,000,000 connections, 5,000 a second'
fan-out-1\t'1 publisher, 1,000 subscribers, 1,000 deliveries a second'
fan-out-5\t'5 publishers, 1,000 subscribers, 250,000 deliveries a second'
p2p-1k\t'1,000 pairs, 1,000 messages a second'
p2p-50k\t'50,000 pairs, 50,000 messages a second'
shared-1k\t'1,000 publishers, 5 subscribers that share, 1,000 messages a second'
shared-50k\t'50,000 publishers, 500 subscribers that share, 50,000 messages a second'"
complete -c mqt -n "__fish_mqt_using_subcommand bench; and not __fish_seen_subcommand_from compare merge" -l scale -d 'Multiply clients and rates by this [default: 1]' -r
complete -c mqt -n "__fish_mqt_using_subcommand bench; and not __fish_seen_subcommand_from compare merge" -l publishers -d 'Number of publishers [default: depends on the scenario]' -r
complete -c mqt -n "__fish_mqt_using_subcommand bench; and not __fish_seen_subcommand_from compare merge" -l subscribers -d 'Number of subscribers [default: depends on the scenario]' -r
complete -c mqt -n "__fish_mqt_using_subcommand bench; and not __fish_seen_subcommand_from compare merge" -s n -l connections -d 'Number of clients that only hold a connection [default: connect, churn and storm 100]' -r
complete -c mqt -n "__fish_mqt_using_subcommand bench; and not __fish_seen_subcommand_from compare merge" -l groups -d 'Read groups of clients from this file' -r -F
complete -c mqt -n "__fish_mqt_using_subcommand bench; and not __fish_seen_subcommand_from compare merge" -l credentials -d 'Log in with the users in this file, one after the other' -r -F
complete -c mqt -n "__fish_mqt_using_subcommand bench; and not __fish_seen_subcommand_from compare merge" -l broker -d 'Spread the clients over this broker too; repeatable' -r
complete -c mqt -n "__fish_mqt_using_subcommand bench; and not __fish_seen_subcommand_from compare merge" -s t -l topic -d 'Publish to this topic; repeatable [default: mqt/bench/{run}/{i}]' -r
complete -c mqt -n "__fish_mqt_using_subcommand bench; and not __fish_seen_subcommand_from compare merge" -l filter -d 'Subscribe to this; repeatable [default: the publishers\' topics]' -r
complete -c mqt -n "__fish_mqt_using_subcommand bench; and not __fish_seen_subcommand_from compare merge" -l share-name -d 'Share the subscription under this name [default: mqt]' -r
complete -c mqt -n "__fish_mqt_using_subcommand bench; and not __fish_seen_subcommand_from compare merge" -s s -l size -d 'Publish payloads of this size [default: 64]' -r
complete -c mqt -n "__fish_mqt_using_subcommand bench; and not __fish_seen_subcommand_from compare merge" -s m -l message -d 'Publish this text' -r
complete -c mqt -n "__fish_mqt_using_subcommand bench; and not __fish_seen_subcommand_from compare merge" -s f -l file -d 'Publish the content of this file' -r -F
complete -c mqt -n "__fish_mqt_using_subcommand bench; and not __fish_seen_subcommand_from compare merge" -s q -l qos -d 'QoS level to publish with: 0, 1 or 2 [default: 1]' -r -f -a "0\t''
1\t''
2\t''"
complete -c mqt -n "__fish_mqt_using_subcommand bench; and not __fish_seen_subcommand_from compare merge" -l subscribe-qos -d 'QoS level to subscribe with: 0, 1 or 2 [default: same as --qos]' -r -f -a "0\t''
1\t''
2\t''"
complete -c mqt -n "__fish_mqt_using_subcommand bench; and not __fish_seen_subcommand_from compare merge" -s r -l rate -d 'Publish at this total rate, whatever the broker does [default: 1k/s]' -r
complete -c mqt -n "__fish_mqt_using_subcommand bench; and not __fish_seen_subcommand_from compare merge" -l stage -d 'Publish in stages, each with its own rate; repeatable' -r
complete -c mqt -n "__fish_mqt_using_subcommand bench; and not __fish_seen_subcommand_from compare merge" -l arrival -d 'Arrival process: constant or poisson [default: constant]' -r -f -a "constant\t'At equal distances'
poisson\t'At random: exponentially distributed distances'"
complete -c mqt -n "__fish_mqt_using_subcommand bench; and not __fish_seen_subcommand_from compare merge" -l inflight -d 'Publish while a publisher has fewer than this many unconfirmed messages' -r
complete -c mqt -n "__fish_mqt_using_subcommand bench; and not __fish_seen_subcommand_from compare merge" -l connect-rate -d 'Open this many connections per second [default: as fast as the broker accepts them]' -r
complete -c mqt -n "__fish_mqt_using_subcommand bench; and not __fish_seen_subcommand_from compare merge" -l ramp -d 'Raise the rate from 0 over this time [default: 0]' -r
complete -c mqt -n "__fish_mqt_using_subcommand bench; and not __fish_seen_subcommand_from compare merge" -l warmup -d 'Warm-up time, excluded from the results [default: 1s]' -r
complete -c mqt -n "__fish_mqt_using_subcommand bench; and not __fish_seen_subcommand_from compare merge" -l duration -d 'Measure for this long [default: 10s, with a preset 60s, with --count unlimited]' -r
complete -c mqt -n "__fish_mqt_using_subcommand bench; and not __fish_seen_subcommand_from compare merge" -l count -d 'Measure this many messages' -r
complete -c mqt -n "__fish_mqt_using_subcommand bench; and not __fish_seen_subcommand_from compare merge" -l drain -d 'Time to wait at the end for messages still in flight [default: 5s]' -r
complete -c mqt -n "__fish_mqt_using_subcommand bench; and not __fish_seen_subcommand_from compare merge" -l churn -d 'Drop this share of the connections each time [default: 10%]' -r
complete -c mqt -n "__fish_mqt_using_subcommand bench; and not __fish_seen_subcommand_from compare merge" -l churn-every -d 'Drop connections this often [default: 1s, for storm 5s]' -r
complete -c mqt -n "__fish_mqt_using_subcommand bench; and not __fish_seen_subcommand_from compare merge" -l repeat -d 'Run this many times [default: 1]' -r
complete -c mqt -n "__fish_mqt_using_subcommand bench; and not __fish_seen_subcommand_from compare merge" -l threads -d 'Number of threads that drive the clients [default: one per core]' -r
complete -c mqt -n "__fish_mqt_using_subcommand bench; and not __fish_seen_subcommand_from compare merge" -l shard -d 'Run as shard INDEX of COUNT, counted from 0' -r
complete -c mqt -n "__fish_mqt_using_subcommand bench; and not __fish_seen_subcommand_from compare merge" -l start-at -d 'Start at this time' -r
complete -c mqt -n "__fish_mqt_using_subcommand bench; and not __fish_seen_subcommand_from compare merge" -l run-id -d 'Run ID that marks the messages [default: a random one]' -r
complete -c mqt -n "__fish_mqt_using_subcommand bench; and not __fish_seen_subcommand_from compare merge" -l json -d 'Write the result to this file as JSON' -r -F
complete -c mqt -n "__fish_mqt_using_subcommand bench; and not __fish_seen_subcommand_from compare merge" -l csv -d 'Write per-second figures to this file as CSV' -r -F
complete -c mqt -n "__fish_mqt_using_subcommand bench; and not __fish_seen_subcommand_from compare merge" -l html -d 'Write an HTML report with charts to this file' -r -F
complete -c mqt -n "__fish_mqt_using_subcommand bench; and not __fish_seen_subcommand_from compare merge" -l openmetrics -d 'Serve metrics on this address while running' -r
complete -c mqt -n "__fish_mqt_using_subcommand bench; and not __fish_seen_subcommand_from compare merge" -l fail-if -d 'Exit with status 9 if this condition is true; repeatable' -r
complete -c mqt -n "__fish_mqt_using_subcommand bench; and not __fish_seen_subcommand_from compare merge" -l slo -d 'Exit with status 9 unless this condition is true; repeatable' -r
complete -c mqt -n "__fish_mqt_using_subcommand bench; and not __fish_seen_subcommand_from compare merge" -s L -l url -d 'Connect to the broker at this URL' -r
complete -c mqt -n "__fish_mqt_using_subcommand bench; and not __fish_seen_subcommand_from compare merge" -s h -l host -d 'Connect to this host [default: localhost]' -r
complete -c mqt -n "__fish_mqt_using_subcommand bench; and not __fish_seen_subcommand_from compare merge" -s p -l port -d 'Connect to this port [default: 1883, with TLS 8883]' -r
complete -c mqt -n "__fish_mqt_using_subcommand bench; and not __fish_seen_subcommand_from compare merge" -l unix -d 'Connect to this unix socket' -r -F
complete -c mqt -n "__fish_mqt_using_subcommand bench; and not __fish_seen_subcommand_from compare merge" -l ws-path -d 'Request this path for WebSocket [default: /mqtt]' -r
complete -c mqt -n "__fish_mqt_using_subcommand bench; and not __fish_seen_subcommand_from compare merge" -l ws-header -d 'Send this HTTP header with the WebSocket request; repeatable' -r
complete -c mqt -n "__fish_mqt_using_subcommand bench; and not __fish_seen_subcommand_from compare merge" -l proxy -d 'Connect through this proxy' -r
complete -c mqt -n "__fish_mqt_using_subcommand bench; and not __fish_seen_subcommand_from compare merge" -l connect-timeout -d 'Connection timeout [default: 10s]' -r
complete -c mqt -n "__fish_mqt_using_subcommand bench; and not __fish_seen_subcommand_from compare merge" -l ack-timeout -d 'Give up when the broker does not answer a request for this long [default: 60s]' -r
complete -c mqt -n "__fish_mqt_using_subcommand bench; and not __fish_seen_subcommand_from compare merge" -l retry -d 'Retry the first connection, up to N times [default: do not retry]' -r
complete -c mqt -n "__fish_mqt_using_subcommand bench; and not __fish_seen_subcommand_from compare merge" -l profile -d 'Use the options in this profile [default: the profile named default, if it exists]' -r -f
complete -c mqt -n "__fish_mqt_using_subcommand bench; and not __fish_seen_subcommand_from compare merge" -s o -l options-file -d 'Read further options from this file' -r -F
complete -c mqt -n "__fish_mqt_using_subcommand bench; and not __fish_seen_subcommand_from compare merge" -s u -l username -d 'Log in with this user name' -r
complete -c mqt -n "__fish_mqt_using_subcommand bench; and not __fish_seen_subcommand_from compare merge" -s P -l pw -l password -d 'Log in with this password' -r
complete -c mqt -n "__fish_mqt_using_subcommand bench; and not __fish_seen_subcommand_from compare merge" -l password-file -d 'Read the password from this file' -r -F
complete -c mqt -n "__fish_mqt_using_subcommand bench; and not __fish_seen_subcommand_from compare merge" -l password-command -d 'Use the output of this command as the password' -r
complete -c mqt -n "__fish_mqt_using_subcommand bench; and not __fish_seen_subcommand_from compare merge" -l cafile -d 'Trust only the CA certificates in this file' -r -F
complete -c mqt -n "__fish_mqt_using_subcommand bench; and not __fish_seen_subcommand_from compare merge" -l capath -d 'Trust only the CA certificates in this folder' -r -F
complete -c mqt -n "__fish_mqt_using_subcommand bench; and not __fish_seen_subcommand_from compare merge" -l crl -d 'Reject certificates revoked by this CRL' -r -F
complete -c mqt -n "__fish_mqt_using_subcommand bench; and not __fish_seen_subcommand_from compare merge" -l cert -d 'Client certificate' -r -F
complete -c mqt -n "__fish_mqt_using_subcommand bench; and not __fish_seen_subcommand_from compare merge" -l key -d 'Private key for --cert' -r -F
complete -c mqt -n "__fish_mqt_using_subcommand bench; and not __fish_seen_subcommand_from compare merge" -l key-command -d 'Use the output of this command as the private key for --cert' -r
complete -c mqt -n "__fish_mqt_using_subcommand bench; and not __fish_seen_subcommand_from compare merge" -l key-password-file -d 'Read the password of an encrypted private key from this file' -r -F
complete -c mqt -n "__fish_mqt_using_subcommand bench; and not __fish_seen_subcommand_from compare merge" -l tls-server-name -d 'Check the broker\'s certificate for this name instead of the host' -r
complete -c mqt -n "__fish_mqt_using_subcommand bench; and not __fish_seen_subcommand_from compare merge" -l tls-pin -d 'Trust exactly the certificate with this digest; repeatable' -r
complete -c mqt -n "__fish_mqt_using_subcommand bench; and not __fish_seen_subcommand_from compare merge" -l tls-alpn -d 'Offer this ALPN protocol' -r
complete -c mqt -n "__fish_mqt_using_subcommand bench; and not __fish_seen_subcommand_from compare merge" -l tls-version -d 'Oldest TLS version to accept: tlsv1.2 or tlsv1.3 [default: tlsv1.2]' -r -f -a "tlsv1.2\t'TLS 1.2 or 1.3'
tlsv1.3\t'TLS 1.3'"
complete -c mqt -n "__fish_mqt_using_subcommand bench; and not __fish_seen_subcommand_from compare merge" -l ciphers -d 'Offer only these cipher suites' -r
complete -c mqt -n "__fish_mqt_using_subcommand bench; and not __fish_seen_subcommand_from compare merge" -l psk -d 'Not available: TLS with a pre-shared key' -r
complete -c mqt -n "__fish_mqt_using_subcommand bench; and not __fish_seen_subcommand_from compare merge" -l psk-identity -d 'Not available: the identity of --psk' -r
complete -c mqt -n "__fish_mqt_using_subcommand bench; and not __fish_seen_subcommand_from compare merge" -l keyform -d 'Only pem is available: the form of --key' -r
complete -c mqt -n "__fish_mqt_using_subcommand bench; and not __fish_seen_subcommand_from compare merge" -l tls-engine -d 'Not available: an OpenSSL engine' -r
complete -c mqt -n "__fish_mqt_using_subcommand bench; and not __fish_seen_subcommand_from compare merge" -l tls-engine-kpass-sha1 -d 'Not available: the password of a key in an engine' -r
complete -c mqt -n "__fish_mqt_using_subcommand bench; and not __fish_seen_subcommand_from compare merge" -l tls-keylog -d 'Append the TLS session secrets to this file' -r -F
complete -c mqt -n "__fish_mqt_using_subcommand bench; and not __fish_seen_subcommand_from compare merge" -s V -l protocol-version -d 'MQTT version: auto, 5, 3.1.1 or 3.1 [default: auto]' -r -f -a "auto\t''
5\t''
3.1.1\t''
3.1\t''"
complete -c mqt -n "__fish_mqt_using_subcommand bench; and not __fish_seen_subcommand_from compare merge" -s x -l session-expiry -d 'Session lifetime after disconnecting [default: 0, with -c never]' -r
complete -c mqt -n "__fish_mqt_using_subcommand bench; and not __fish_seen_subcommand_from compare merge" -s k -l keepalive -d 'Keepalive interval [default: 60]' -r
complete -c mqt -n "__fish_mqt_using_subcommand bench; and not __fish_seen_subcommand_from compare merge" -l max-message -d 'Accept packets up to this size [default: 256M]' -r
complete -c mqt -n "__fish_mqt_using_subcommand bench; and not __fish_seen_subcommand_from compare merge" -s D -l property -d 'Add an MQTT 5 property: PACKET NAME VALUE; repeatable' -r -f
complete -c mqt -n "__fish_mqt_using_subcommand bench; and not __fish_seen_subcommand_from compare merge" -l will-topic -d 'Topic of the will message, published by the broker if the connection is lost' -r
complete -c mqt -n "__fish_mqt_using_subcommand bench; and not __fish_seen_subcommand_from compare merge" -l will-payload -d 'Payload of the will message [default: empty]' -r
complete -c mqt -n "__fish_mqt_using_subcommand bench; and not __fish_seen_subcommand_from compare merge" -l will-file -d 'Read the payload of the will message from this file' -r -F
complete -c mqt -n "__fish_mqt_using_subcommand bench; and not __fish_seen_subcommand_from compare merge" -l will-qos -d 'QoS level of the will message: 0, 1 or 2 [default: 0]' -r -f -a "0\t''
1\t''
2\t''"
complete -c mqt -n "__fish_mqt_using_subcommand bench; and not __fish_seen_subcommand_from compare merge" -l color -d 'Use colours: auto, always or never [default: auto]' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c mqt -n "__fish_mqt_using_subcommand bench; and not __fish_seen_subcommand_from compare merge" -l summary -d 'Print a summary at exit: text or json [default: only if something is unconfirmed, or on Ctrl-C]' -r -f -a "text\t'A line for people'
json\t'One JSON object in one line'"
complete -c mqt -n "__fish_mqt_using_subcommand bench; and not __fish_seen_subcommand_from compare merge" -s A -l bind -d 'Connect from these local addresses in turn' -r
complete -c mqt -n "__fish_mqt_using_subcommand bench; and not __fish_seen_subcommand_from compare merge" -s i -l id -d 'Use client identifiers of this form [default: mqt-{run}-{i}]' -r
complete -c mqt -n "__fish_mqt_using_subcommand bench; and not __fish_seen_subcommand_from compare merge" -s I -l id-prefix -d 'Use this, the process number and the number of the client as client identifier' -r
complete -c mqt -n "__fish_mqt_using_subcommand bench; and not __fish_seen_subcommand_from compare merge" -s M -l max-inflight -d 'Have at most this many QoS 1 and 2 messages on the way [default: 65535]' -r
complete -c mqt -n "__fish_mqt_using_subcommand bench; and not __fish_seen_subcommand_from compare merge" -l with-broker -d 'Start a built-in development broker and load-test it'
complete -c mqt -n "__fish_mqt_using_subcommand bench; and not __fish_seen_subcommand_from compare merge" -l retain -d 'Retain the last message of each topic'
complete -c mqt -n "__fish_mqt_using_subcommand bench; and not __fish_seen_subcommand_from compare merge" -l no-stamp -d 'Leave the stamp out of the messages'
complete -c mqt -n "__fish_mqt_using_subcommand bench; and not __fish_seen_subcommand_from compare merge" -l find-max -d 'Search for the highest rate that holds --slo'
complete -c mqt -n "__fish_mqt_using_subcommand bench; and not __fish_seen_subcommand_from compare merge" -l ws -d 'Use WebSocket'
complete -c mqt -n "__fish_mqt_using_subcommand bench; and not __fish_seen_subcommand_from compare merge" -s 4 -l ipv4 -d 'Use IPv4 addresses only'
complete -c mqt -n "__fish_mqt_using_subcommand bench; and not __fish_seen_subcommand_from compare merge" -s 6 -l ipv6 -d 'Use IPv6 addresses only'
complete -c mqt -n "__fish_mqt_using_subcommand bench; and not __fish_seen_subcommand_from compare merge" -s S -l srv -d 'Look up the brokers of the domain --host (DNS SRV)'
complete -c mqt -n "__fish_mqt_using_subcommand bench; and not __fish_seen_subcommand_from compare merge" -l nodelay -d 'Accepted for compatibility; TCP_NODELAY is always on'
complete -c mqt -n "__fish_mqt_using_subcommand bench; and not __fish_seen_subcommand_from compare merge" -l no-reconnect -d 'Exit instead of reconnecting when the connection is lost'
complete -c mqt -n "__fish_mqt_using_subcommand bench; and not __fish_seen_subcommand_from compare merge" -l password-stdin -d 'Read the password from standard input'
complete -c mqt -n "__fish_mqt_using_subcommand bench; and not __fish_seen_subcommand_from compare merge" -l password-prompt -d 'Ask for the password on the terminal'
complete -c mqt -n "__fish_mqt_using_subcommand bench; and not __fish_seen_subcommand_from compare merge" -l tls -d 'Use TLS'
complete -c mqt -n "__fish_mqt_using_subcommand bench; and not __fish_seen_subcommand_from compare merge" -l tls-use-os-certs -d 'Also trust the system\'s CAs'
complete -c mqt -n "__fish_mqt_using_subcommand bench; and not __fish_seen_subcommand_from compare merge" -l tls-legacy -d 'Accept old kinds of broker certificates, as mosquitto does'
complete -c mqt -n "__fish_mqt_using_subcommand bench; and not __fish_seen_subcommand_from compare merge" -l insecure -d 'Do not check the broker\'s certificate'
complete -c mqt -n "__fish_mqt_using_subcommand bench; and not __fish_seen_subcommand_from compare merge" -l no-tls -d 'Do not use TLS, whatever other options say'
complete -c mqt -n "__fish_mqt_using_subcommand bench; and not __fish_seen_subcommand_from compare merge" -s c -l disable-clean-session -d 'Keep the session when disconnecting: subscriptions and queued messages'
complete -c mqt -n "__fish_mqt_using_subcommand bench; and not __fish_seen_subcommand_from compare merge" -l will-retain -d 'Retain the will message'
complete -c mqt -n "__fish_mqt_using_subcommand bench; and not __fish_seen_subcommand_from compare merge" -s d -l debug -d 'Log every packet'
complete -c mqt -n "__fish_mqt_using_subcommand bench; and not __fish_seen_subcommand_from compare merge" -l quiet -d 'Suppress errors, warnings, notes and progress'
complete -c mqt -n "__fish_mqt_using_subcommand bench; and not __fish_seen_subcommand_from compare merge" -l help -d 'Print the full help'
complete -c mqt -n "__fish_mqt_using_subcommand bench; and not __fish_seen_subcommand_from compare merge" -s ?
complete -c mqt -n "__fish_mqt_using_subcommand bench; and not __fish_seen_subcommand_from compare merge" -a "compare" -d 'Show what differs between two results'
complete -c mqt -n "__fish_mqt_using_subcommand bench; and not __fish_seen_subcommand_from compare merge" -a "merge" -d 'Merge the results of all shards into one'
complete -c mqt -n "__fish_mqt_using_subcommand bench; and __fish_seen_subcommand_from compare" -l color -d 'Use colours: auto, always or never [default: auto]' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c mqt -n "__fish_mqt_using_subcommand bench; and __fish_seen_subcommand_from compare" -l help -d 'Print the full help'
complete -c mqt -n "__fish_mqt_using_subcommand bench; and __fish_seen_subcommand_from compare" -s ?
complete -c mqt -n "__fish_mqt_using_subcommand bench; and __fish_seen_subcommand_from merge" -l json -d 'Write the result to this file as JSON' -r -F
complete -c mqt -n "__fish_mqt_using_subcommand bench; and __fish_seen_subcommand_from merge" -l csv -d 'Write per-second figures to this file as CSV' -r -F
complete -c mqt -n "__fish_mqt_using_subcommand bench; and __fish_seen_subcommand_from merge" -l html -d 'Write an HTML report with charts to this file' -r -F
complete -c mqt -n "__fish_mqt_using_subcommand bench; and __fish_seen_subcommand_from merge" -l fail-if -d 'Exit with status 9 if this condition is true; repeatable' -r
complete -c mqt -n "__fish_mqt_using_subcommand bench; and __fish_seen_subcommand_from merge" -l slo -d 'Exit with status 9 unless this condition is true; repeatable' -r
complete -c mqt -n "__fish_mqt_using_subcommand bench; and __fish_seen_subcommand_from merge" -l max-skew -d 'Accept shards that started this far apart [default: 1s]' -r
complete -c mqt -n "__fish_mqt_using_subcommand bench; and __fish_seen_subcommand_from merge" -l color -d 'Use colours: auto, always or never [default: auto]' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c mqt -n "__fish_mqt_using_subcommand bench; and __fish_seen_subcommand_from merge" -l help -d 'Print the full help'
complete -c mqt -n "__fish_mqt_using_subcommand bench; and __fish_seen_subcommand_from merge" -s ?
complete -c mqt -n "__fish_mqt_using_subcommand rr" -s t -l topic -d 'Topic to send the request to; with --serve, the filter to answer requests from' -r
complete -c mqt -n "__fish_mqt_using_subcommand rr" -s e -l response-topic -d 'Topic for the response' -r
complete -c mqt -n "__fish_mqt_using_subcommand rr" -s m -l message -d 'Send this text' -r
complete -c mqt -n "__fish_mqt_using_subcommand rr" -s f -l file -d 'Send the content of this file' -r -F
complete -c mqt -n "__fish_mqt_using_subcommand rr" -s q -l qos -d 'QoS level of the request and the subscription: 0, 1 or 2 [default: 0]' -r -f -a "0\t''
1\t''
2\t''"
complete -c mqt -n "__fish_mqt_using_subcommand rr" -l retain-handling -d 'When the broker sends retained messages: always, new or never [default: always]' -r -f -a "always\t'Each time it is made'
new\t'Only when it is new'
never\t'Never'"
complete -c mqt -n "__fish_mqt_using_subcommand rr" -s C -l count -d 'Send this many requests [default: 1]' -r
complete -c mqt -n "__fish_mqt_using_subcommand rr" -l rate -d 'Send requests at this rate' -r
complete -c mqt -n "__fish_mqt_using_subcommand rr" -s W -l timeout -d 'Wait this long for a response' -r
complete -c mqt -n "__fish_mqt_using_subcommand rr" -l exec -d 'Run this command for each request and respond with its output' -r
complete -c mqt -n "__fish_mqt_using_subcommand rr" -l exec-timeout -d 'Kill a command that takes longer than this [default: 30s]' -r
complete -c mqt -n "__fish_mqt_using_subcommand rr" -l on-failure -d 'Respond with this text when the command fails' -r
complete -c mqt -n "__fish_mqt_using_subcommand rr" -l parallel -d 'Run at most this many commands at once [default: 4]' -r
complete -c mqt -n "__fish_mqt_using_subcommand rr" -s F -l format -d 'Print each answer in this format' -r
complete -c mqt -n "__fish_mqt_using_subcommand rr" -l max-memory -d 'Memory for responses waiting to be printed [default: 64M]' -r
complete -c mqt -n "__fish_mqt_using_subcommand rr" -s L -l url -d 'Connect to the broker at this URL' -r
complete -c mqt -n "__fish_mqt_using_subcommand rr" -s h -l host -d 'Connect to this host [default: localhost]' -r
complete -c mqt -n "__fish_mqt_using_subcommand rr" -s p -l port -d 'Connect to this port [default: 1883, with TLS 8883]' -r
complete -c mqt -n "__fish_mqt_using_subcommand rr" -l unix -d 'Connect to this unix socket' -r -F
complete -c mqt -n "__fish_mqt_using_subcommand rr" -l ws-path -d 'Request this path for WebSocket [default: /mqtt]' -r
complete -c mqt -n "__fish_mqt_using_subcommand rr" -l ws-header -d 'Send this HTTP header with the WebSocket request; repeatable' -r
complete -c mqt -n "__fish_mqt_using_subcommand rr" -l proxy -d 'Connect through this proxy' -r
complete -c mqt -n "__fish_mqt_using_subcommand rr" -s A -l bind -d 'Connect from this local address' -r
complete -c mqt -n "__fish_mqt_using_subcommand rr" -l connect-timeout -d 'Connection timeout [default: 10s]' -r
complete -c mqt -n "__fish_mqt_using_subcommand rr" -l ack-timeout -d 'Give up when the broker does not answer a request for this long [default: 60s]' -r
complete -c mqt -n "__fish_mqt_using_subcommand rr" -l retry -d 'Retry the first connection, up to N times [default: do not retry]' -r
complete -c mqt -n "__fish_mqt_using_subcommand rr" -l profile -d 'Use the options in this profile [default: the profile named default, if it exists]' -r -f
complete -c mqt -n "__fish_mqt_using_subcommand rr" -s o -l options-file -d 'Read further options from this file' -r -F
complete -c mqt -n "__fish_mqt_using_subcommand rr" -s u -l username -d 'Log in with this user name' -r
complete -c mqt -n "__fish_mqt_using_subcommand rr" -s P -l pw -l password -d 'Log in with this password' -r
complete -c mqt -n "__fish_mqt_using_subcommand rr" -l password-file -d 'Read the password from this file' -r -F
complete -c mqt -n "__fish_mqt_using_subcommand rr" -l password-command -d 'Use the output of this command as the password' -r
complete -c mqt -n "__fish_mqt_using_subcommand rr" -l cafile -d 'Trust only the CA certificates in this file' -r -F
complete -c mqt -n "__fish_mqt_using_subcommand rr" -l capath -d 'Trust only the CA certificates in this folder' -r -F
complete -c mqt -n "__fish_mqt_using_subcommand rr" -l crl -d 'Reject certificates revoked by this CRL' -r -F
complete -c mqt -n "__fish_mqt_using_subcommand rr" -l cert -d 'Client certificate' -r -F
complete -c mqt -n "__fish_mqt_using_subcommand rr" -l key -d 'Private key for --cert' -r -F
complete -c mqt -n "__fish_mqt_using_subcommand rr" -l key-command -d 'Use the output of this command as the private key for --cert' -r
complete -c mqt -n "__fish_mqt_using_subcommand rr" -l key-password-file -d 'Read the password of an encrypted private key from this file' -r -F
complete -c mqt -n "__fish_mqt_using_subcommand rr" -l tls-server-name -d 'Check the broker\'s certificate for this name instead of the host' -r
complete -c mqt -n "__fish_mqt_using_subcommand rr" -l tls-pin -d 'Trust exactly the certificate with this digest; repeatable' -r
complete -c mqt -n "__fish_mqt_using_subcommand rr" -l tls-alpn -d 'Offer this ALPN protocol' -r
complete -c mqt -n "__fish_mqt_using_subcommand rr" -l tls-version -d 'Oldest TLS version to accept: tlsv1.2 or tlsv1.3 [default: tlsv1.2]' -r -f -a "tlsv1.2\t'TLS 1.2 or 1.3'
tlsv1.3\t'TLS 1.3'"
complete -c mqt -n "__fish_mqt_using_subcommand rr" -l ciphers -d 'Offer only these cipher suites' -r
complete -c mqt -n "__fish_mqt_using_subcommand rr" -l psk -d 'Not available: TLS with a pre-shared key' -r
complete -c mqt -n "__fish_mqt_using_subcommand rr" -l psk-identity -d 'Not available: the identity of --psk' -r
complete -c mqt -n "__fish_mqt_using_subcommand rr" -l keyform -d 'Only pem is available: the form of --key' -r
complete -c mqt -n "__fish_mqt_using_subcommand rr" -l tls-engine -d 'Not available: an OpenSSL engine' -r
complete -c mqt -n "__fish_mqt_using_subcommand rr" -l tls-engine-kpass-sha1 -d 'Not available: the password of a key in an engine' -r
complete -c mqt -n "__fish_mqt_using_subcommand rr" -l tls-keylog -d 'Append the TLS session secrets to this file' -r -F
complete -c mqt -n "__fish_mqt_using_subcommand rr" -s V -l protocol-version -d 'MQTT version: auto, 5, 3.1.1 or 3.1 [default: auto]' -r -f -a "auto\t''
5\t''
3.1.1\t''
3.1\t''"
complete -c mqt -n "__fish_mqt_using_subcommand rr" -s i -l id -d 'Client identifier [default: mqt- and 16 random hexadecimal digits]' -r
complete -c mqt -n "__fish_mqt_using_subcommand rr" -s I -l id-prefix -d 'Use this prefix and the process ID as the client identifier' -r
complete -c mqt -n "__fish_mqt_using_subcommand rr" -s x -l session-expiry -d 'Session lifetime after disconnecting [default: 0, with -c never]' -r
complete -c mqt -n "__fish_mqt_using_subcommand rr" -s k -l keepalive -d 'Keepalive interval [default: 60]' -r
complete -c mqt -n "__fish_mqt_using_subcommand rr" -s M -l max-inflight -d 'Maximum number of unacknowledged QoS 1 and 2 messages [default: 20]' -r
complete -c mqt -n "__fish_mqt_using_subcommand rr" -l max-message -d 'Accept packets up to this size [default: 256M]' -r
complete -c mqt -n "__fish_mqt_using_subcommand rr" -s D -l property -d 'Add an MQTT 5 property: PACKET NAME VALUE; repeatable' -r -f
complete -c mqt -n "__fish_mqt_using_subcommand rr" -l will-topic -d 'Topic of the will message, published by the broker if the connection is lost' -r
complete -c mqt -n "__fish_mqt_using_subcommand rr" -l will-payload -d 'Payload of the will message [default: empty]' -r
complete -c mqt -n "__fish_mqt_using_subcommand rr" -l will-file -d 'Read the payload of the will message from this file' -r -F
complete -c mqt -n "__fish_mqt_using_subcommand rr" -l will-qos -d 'QoS level of the will message: 0, 1 or 2 [default: 0]' -r -f -a "0\t''
1\t''
2\t''"
complete -c mqt -n "__fish_mqt_using_subcommand rr" -l color -d 'Use colours: auto, always or never [default: auto]' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c mqt -n "__fish_mqt_using_subcommand rr" -l summary -d 'Print a summary at exit: text or json [default: only if something is unconfirmed, or on Ctrl-C]' -r -f -a "text\t'A line for people'
json\t'One JSON object in one line'"
complete -c mqt -n "__fish_mqt_using_subcommand rr" -s s -l stdin-file -d 'Send all of standard input'
complete -c mqt -n "__fish_mqt_using_subcommand rr" -s n -l null-message -d 'Send an empty message'
complete -c mqt -n "__fish_mqt_using_subcommand rr" -s R -l no-retained -d 'Skip retained messages'
complete -c mqt -n "__fish_mqt_using_subcommand rr" -l retained-answers -d 'Accept a retained message on the response topic as the answer'
complete -c mqt -n "__fish_mqt_using_subcommand rr" -l retain-as-published -d 'Keep the retain flag as published'
complete -c mqt -n "__fish_mqt_using_subcommand rr" -l latency -d 'Print how long each answer took'
complete -c mqt -n "__fish_mqt_using_subcommand rr" -l serve -d 'Answer requests instead of sending one'
complete -c mqt -n "__fish_mqt_using_subcommand rr" -s v -l verbose -d 'Print the topic before the payload'
complete -c mqt -n "__fish_mqt_using_subcommand rr" -l pretty -d 'Indent JSON over several lines'
complete -c mqt -n "__fish_mqt_using_subcommand rr" -s N -l no-newline -d 'Do not print a line feed after each response'
complete -c mqt -n "__fish_mqt_using_subcommand rr" -l raw -d 'Print control characters unescaped, even on a terminal'
complete -c mqt -n "__fish_mqt_using_subcommand rr" -l ws -d 'Use WebSocket'
complete -c mqt -n "__fish_mqt_using_subcommand rr" -s 4 -l ipv4 -d 'Use IPv4 addresses only'
complete -c mqt -n "__fish_mqt_using_subcommand rr" -s 6 -l ipv6 -d 'Use IPv6 addresses only'
complete -c mqt -n "__fish_mqt_using_subcommand rr" -s S -l srv -d 'Look up the brokers of the domain --host (DNS SRV)'
complete -c mqt -n "__fish_mqt_using_subcommand rr" -l nodelay -d 'Accepted for compatibility; TCP_NODELAY is always on'
complete -c mqt -n "__fish_mqt_using_subcommand rr" -l no-reconnect -d 'Exit instead of reconnecting when the connection is lost'
complete -c mqt -n "__fish_mqt_using_subcommand rr" -l password-stdin -d 'Read the password from standard input'
complete -c mqt -n "__fish_mqt_using_subcommand rr" -l password-prompt -d 'Ask for the password on the terminal'
complete -c mqt -n "__fish_mqt_using_subcommand rr" -l tls -d 'Use TLS'
complete -c mqt -n "__fish_mqt_using_subcommand rr" -l tls-use-os-certs -d 'Also trust the system\'s CAs'
complete -c mqt -n "__fish_mqt_using_subcommand rr" -l tls-legacy -d 'Accept old kinds of broker certificates, as mosquitto does'
complete -c mqt -n "__fish_mqt_using_subcommand rr" -l insecure -d 'Do not check the broker\'s certificate'
complete -c mqt -n "__fish_mqt_using_subcommand rr" -l no-tls -d 'Do not use TLS, whatever other options say'
complete -c mqt -n "__fish_mqt_using_subcommand rr" -s c -l disable-clean-session -d 'Keep the session when disconnecting: subscriptions and queued messages'
complete -c mqt -n "__fish_mqt_using_subcommand rr" -l will-retain -d 'Retain the will message'
complete -c mqt -n "__fish_mqt_using_subcommand rr" -s d -l debug -d 'Log every packet'
complete -c mqt -n "__fish_mqt_using_subcommand rr" -l quiet -d 'Suppress errors, warnings, notes and progress'
complete -c mqt -n "__fish_mqt_using_subcommand rr" -l help -d 'Print the full help'
complete -c mqt -n "__fish_mqt_using_subcommand rr" -s ?
complete -c mqt -n "__fish_mqt_using_subcommand watch" -s t -l topic -d 'Watch this topic filter; repeatable [default: all topics]' -r
complete -c mqt -n "__fish_mqt_using_subcommand watch" -s T -l filter-out -d 'Discard messages whose topic matches this filter; repeatable' -r
complete -c mqt -n "__fish_mqt_using_subcommand watch" -s q -l qos -d 'Request this QoS level: 0, 1 or 2 [default: 0]' -r -f -a "0\t''
1\t''
2\t''"
complete -c mqt -n "__fish_mqt_using_subcommand watch" -l record -d 'Append each message to this file' -r -F
complete -c mqt -n "__fish_mqt_using_subcommand watch" -l replay -d 'Show a recording instead of a broker' -r -F
complete -c mqt -n "__fish_mqt_using_subcommand watch" -l speed -d 'Replay at this multiple of the original speed [default: 1x]' -r
complete -c mqt -n "__fish_mqt_using_subcommand watch" -l decode -d 'Read payloads as auto, json, text, hex, msgpack or cbor [default: auto]' -r -f -a "auto\t'By the content type; without one as text, or as bytes where they are no UTF-8'
json\t'JSON'
text\t'Text'
hex\t'Bytes in hexadecimal'
msgpack\t'MessagePack'
cbor\t'CBOR'"
complete -c mqt -n "__fish_mqt_using_subcommand watch" -l once -d 'Print one table or object and exit [default: after --interval]' -r
complete -c mqt -n "__fish_mqt_using_subcommand watch" -l interval -d 'Print a table or object this often [default: 2s]' -r
complete -c mqt -n "__fish_mqt_using_subcommand watch" -l top -d 'Print at most this many topics, the busiest first [default: 20, with --json all]' -r
complete -c mqt -n "__fish_mqt_using_subcommand watch" -l max-topics -d 'Keep at most this many topics [default: 200000]' -r
complete -c mqt -n "__fish_mqt_using_subcommand watch" -l history -d 'Keep at most this many messages per topic [default: 100]' -r
complete -c mqt -n "__fish_mqt_using_subcommand watch" -l max-payload -d 'Keep at most this much of each payload [default: 64k]' -r
complete -c mqt -n "__fish_mqt_using_subcommand watch" -l max-memory -d 'Keep at most this much in total [default: 144M]' -r
complete -c mqt -n "__fish_mqt_using_subcommand watch" -s L -l url -d 'Connect to the broker at this URL' -r
complete -c mqt -n "__fish_mqt_using_subcommand watch" -s h -l host -d 'Connect to this host [default: localhost]' -r
complete -c mqt -n "__fish_mqt_using_subcommand watch" -s p -l port -d 'Connect to this port [default: 1883, with TLS 8883]' -r
complete -c mqt -n "__fish_mqt_using_subcommand watch" -l unix -d 'Connect to this unix socket' -r -F
complete -c mqt -n "__fish_mqt_using_subcommand watch" -l ws-path -d 'Request this path for WebSocket [default: /mqtt]' -r
complete -c mqt -n "__fish_mqt_using_subcommand watch" -l ws-header -d 'Send this HTTP header with the WebSocket request; repeatable' -r
complete -c mqt -n "__fish_mqt_using_subcommand watch" -l proxy -d 'Connect through this proxy' -r
complete -c mqt -n "__fish_mqt_using_subcommand watch" -s A -l bind -d 'Connect from this local address' -r
complete -c mqt -n "__fish_mqt_using_subcommand watch" -l connect-timeout -d 'Connection timeout [default: 10s]' -r
complete -c mqt -n "__fish_mqt_using_subcommand watch" -l ack-timeout -d 'Give up when the broker does not answer a request for this long [default: 60s]' -r
complete -c mqt -n "__fish_mqt_using_subcommand watch" -l retry -d 'Retry the first connection, up to N times [default: do not retry]' -r
complete -c mqt -n "__fish_mqt_using_subcommand watch" -l profile -d 'Use the options in this profile [default: the profile named default, if it exists]' -r -f
complete -c mqt -n "__fish_mqt_using_subcommand watch" -s o -l options-file -d 'Read further options from this file' -r -F
complete -c mqt -n "__fish_mqt_using_subcommand watch" -s u -l username -d 'Log in with this user name' -r
complete -c mqt -n "__fish_mqt_using_subcommand watch" -s P -l pw -l password -d 'Log in with this password' -r
complete -c mqt -n "__fish_mqt_using_subcommand watch" -l password-file -d 'Read the password from this file' -r -F
complete -c mqt -n "__fish_mqt_using_subcommand watch" -l password-command -d 'Use the output of this command as the password' -r
complete -c mqt -n "__fish_mqt_using_subcommand watch" -l cafile -d 'Trust only the CA certificates in this file' -r -F
complete -c mqt -n "__fish_mqt_using_subcommand watch" -l capath -d 'Trust only the CA certificates in this folder' -r -F
complete -c mqt -n "__fish_mqt_using_subcommand watch" -l crl -d 'Reject certificates revoked by this CRL' -r -F
complete -c mqt -n "__fish_mqt_using_subcommand watch" -l cert -d 'Client certificate' -r -F
complete -c mqt -n "__fish_mqt_using_subcommand watch" -l key -d 'Private key for --cert' -r -F
complete -c mqt -n "__fish_mqt_using_subcommand watch" -l key-command -d 'Use the output of this command as the private key for --cert' -r
complete -c mqt -n "__fish_mqt_using_subcommand watch" -l key-password-file -d 'Read the password of an encrypted private key from this file' -r -F
complete -c mqt -n "__fish_mqt_using_subcommand watch" -l tls-server-name -d 'Check the broker\'s certificate for this name instead of the host' -r
complete -c mqt -n "__fish_mqt_using_subcommand watch" -l tls-pin -d 'Trust exactly the certificate with this digest; repeatable' -r
complete -c mqt -n "__fish_mqt_using_subcommand watch" -l tls-alpn -d 'Offer this ALPN protocol' -r
complete -c mqt -n "__fish_mqt_using_subcommand watch" -l tls-version -d 'Oldest TLS version to accept: tlsv1.2 or tlsv1.3 [default: tlsv1.2]' -r -f -a "tlsv1.2\t'TLS 1.2 or 1.3'
tlsv1.3\t'TLS 1.3'"
complete -c mqt -n "__fish_mqt_using_subcommand watch" -l ciphers -d 'Offer only these cipher suites' -r
complete -c mqt -n "__fish_mqt_using_subcommand watch" -l psk -d 'Not available: TLS with a pre-shared key' -r
complete -c mqt -n "__fish_mqt_using_subcommand watch" -l psk-identity -d 'Not available: the identity of --psk' -r
complete -c mqt -n "__fish_mqt_using_subcommand watch" -l keyform -d 'Only pem is available: the form of --key' -r
complete -c mqt -n "__fish_mqt_using_subcommand watch" -l tls-engine -d 'Not available: an OpenSSL engine' -r
complete -c mqt -n "__fish_mqt_using_subcommand watch" -l tls-engine-kpass-sha1 -d 'Not available: the password of a key in an engine' -r
complete -c mqt -n "__fish_mqt_using_subcommand watch" -l tls-keylog -d 'Append the TLS session secrets to this file' -r -F
complete -c mqt -n "__fish_mqt_using_subcommand watch" -s V -l protocol-version -d 'MQTT version: auto, 5, 3.1.1 or 3.1 [default: auto]' -r -f -a "auto\t''
5\t''
3.1.1\t''
3.1\t''"
complete -c mqt -n "__fish_mqt_using_subcommand watch" -s i -l id -d 'Client identifier [default: mqt- and 16 random hexadecimal digits]' -r
complete -c mqt -n "__fish_mqt_using_subcommand watch" -s I -l id-prefix -d 'Use this prefix and the process ID as the client identifier' -r
complete -c mqt -n "__fish_mqt_using_subcommand watch" -s x -l session-expiry -d 'Session lifetime after disconnecting [default: 0, with -c never]' -r
complete -c mqt -n "__fish_mqt_using_subcommand watch" -s k -l keepalive -d 'Keepalive interval [default: 60]' -r
complete -c mqt -n "__fish_mqt_using_subcommand watch" -s M -l max-inflight -d 'Maximum number of unacknowledged QoS 1 and 2 messages [default: 20]' -r
complete -c mqt -n "__fish_mqt_using_subcommand watch" -l max-message -d 'Accept packets up to this size [default: 256M]' -r
complete -c mqt -n "__fish_mqt_using_subcommand watch" -s D -l property -d 'Add an MQTT 5 property: PACKET NAME VALUE; repeatable' -r -f
complete -c mqt -n "__fish_mqt_using_subcommand watch" -l will-topic -d 'Topic of the will message, published by the broker if the connection is lost' -r
complete -c mqt -n "__fish_mqt_using_subcommand watch" -l will-payload -d 'Payload of the will message [default: empty]' -r
complete -c mqt -n "__fish_mqt_using_subcommand watch" -l will-file -d 'Read the payload of the will message from this file' -r -F
complete -c mqt -n "__fish_mqt_using_subcommand watch" -l will-qos -d 'QoS level of the will message: 0, 1 or 2 [default: 0]' -r -f -a "0\t''
1\t''
2\t''"
complete -c mqt -n "__fish_mqt_using_subcommand watch" -l color -d 'Use colours: auto, always or never [default: auto]' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c mqt -n "__fish_mqt_using_subcommand watch" -l summary -d 'Print a summary at exit: text or json [default: only if something is unconfirmed, or on Ctrl-C]' -r -f -a "text\t'A line for people'
json\t'One JSON object in one line'"
complete -c mqt -n "__fish_mqt_using_subcommand watch" -l sys -d 'Also watch what the broker publishes about itself ($SYS/#)'
complete -c mqt -n "__fish_mqt_using_subcommand watch" -l with-broker -d 'Start a built-in development broker and watch it'
complete -c mqt -n "__fish_mqt_using_subcommand watch" -l plain -d 'Print tables as plain lines instead of using the whole terminal'
complete -c mqt -n "__fish_mqt_using_subcommand watch" -l json -d 'Print JSON objects, one per line, instead of using the whole terminal'
complete -c mqt -n "__fish_mqt_using_subcommand watch" -l no-mouse -d 'Leave the mouse to the terminal'
complete -c mqt -n "__fish_mqt_using_subcommand watch" -l ws -d 'Use WebSocket'
complete -c mqt -n "__fish_mqt_using_subcommand watch" -s 4 -l ipv4 -d 'Use IPv4 addresses only'
complete -c mqt -n "__fish_mqt_using_subcommand watch" -s 6 -l ipv6 -d 'Use IPv6 addresses only'
complete -c mqt -n "__fish_mqt_using_subcommand watch" -s S -l srv -d 'Look up the brokers of the domain --host (DNS SRV)'
complete -c mqt -n "__fish_mqt_using_subcommand watch" -l nodelay -d 'Accepted for compatibility; TCP_NODELAY is always on'
complete -c mqt -n "__fish_mqt_using_subcommand watch" -l no-reconnect -d 'Exit instead of reconnecting when the connection is lost'
complete -c mqt -n "__fish_mqt_using_subcommand watch" -l password-stdin -d 'Read the password from standard input'
complete -c mqt -n "__fish_mqt_using_subcommand watch" -l password-prompt -d 'Ask for the password on the terminal'
complete -c mqt -n "__fish_mqt_using_subcommand watch" -l tls -d 'Use TLS'
complete -c mqt -n "__fish_mqt_using_subcommand watch" -l tls-use-os-certs -d 'Also trust the system\'s CAs'
complete -c mqt -n "__fish_mqt_using_subcommand watch" -l tls-legacy -d 'Accept old kinds of broker certificates, as mosquitto does'
complete -c mqt -n "__fish_mqt_using_subcommand watch" -l insecure -d 'Do not check the broker\'s certificate'
complete -c mqt -n "__fish_mqt_using_subcommand watch" -l no-tls -d 'Do not use TLS, whatever other options say'
complete -c mqt -n "__fish_mqt_using_subcommand watch" -s c -l disable-clean-session -d 'Keep the session when disconnecting: subscriptions and queued messages'
complete -c mqt -n "__fish_mqt_using_subcommand watch" -l will-retain -d 'Retain the will message'
complete -c mqt -n "__fish_mqt_using_subcommand watch" -s d -l debug -d 'Log every packet'
complete -c mqt -n "__fish_mqt_using_subcommand watch" -l quiet -d 'Suppress errors, warnings, notes and progress'
complete -c mqt -n "__fish_mqt_using_subcommand watch" -l help -d 'Print the full help'
complete -c mqt -n "__fish_mqt_using_subcommand watch" -s ?
complete -c mqt -n "__fish_mqt_using_subcommand broker" -s p -l port -d 'Listen on this TCP port [default: 1883]' -r
complete -c mqt -n "__fish_mqt_using_subcommand broker" -l ws-port -d 'Listen for WebSocket on this port' -r
complete -c mqt -n "__fish_mqt_using_subcommand broker" -l tls-port -d 'Listen for TLS on this port' -r
complete -c mqt -n "__fish_mqt_using_subcommand broker" -l wss-port -d 'Listen for WebSocket over TLS on this port' -r
complete -c mqt -n "__fish_mqt_using_subcommand broker" -l unix -d 'Listen on this unix socket' -r -F
complete -c mqt -n "__fish_mqt_using_subcommand broker" -s L -l listen -d 'Listen on this URL; repeatable' -r
complete -c mqt -n "__fish_mqt_using_subcommand broker" -l bind -d 'Listen on this address for the port options [default: 127.0.0.1]' -r
complete -c mqt -n "__fish_mqt_using_subcommand broker" -l cert -d 'Server certificate' -r -F
complete -c mqt -n "__fish_mqt_using_subcommand broker" -l key -d 'Private key for --cert' -r -F
complete -c mqt -n "__fish_mqt_using_subcommand broker" -l cafile -d 'Accept only clients with a certificate signed by these CAs' -r -F
complete -c mqt -n "__fish_mqt_using_subcommand broker" -l password-file -d 'Check user names and passwords against this file' -r -F
complete -c mqt -n "__fish_mqt_using_subcommand broker" -l max-memory -d 'Memory for all clients together [default: 1G]' -r
complete -c mqt -n "__fish_mqt_using_subcommand broker" -l max-message -d 'Accept packets up to this size [default: 256M]' -r
complete -c mqt -n "__fish_mqt_using_subcommand broker" -l color -d 'Use colours: auto, always or never [default: auto]' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c mqt -n "__fish_mqt_using_subcommand broker" -l allow-anonymous -d 'Accept clients without a user name'
complete -c mqt -n "__fish_mqt_using_subcommand broker" -s v -l verbose -d 'Log who connects, subscribes and disconnects'
complete -c mqt -n "__fish_mqt_using_subcommand broker" -s d -l debug -d 'Log every packet'
complete -c mqt -n "__fish_mqt_using_subcommand broker" -l quiet -d 'Suppress errors, warnings and notes'
complete -c mqt -n "__fish_mqt_using_subcommand broker" -l help -d 'Print the full help'
complete -c mqt -n "__fish_mqt_using_subcommand broker" -s ?
complete -c mqt -n "__fish_mqt_using_subcommand profile; and not __fish_seen_subcommand_from list show" -l help -d 'Print the full help'
complete -c mqt -n "__fish_mqt_using_subcommand profile; and not __fish_seen_subcommand_from list show" -s ?
complete -c mqt -n "__fish_mqt_using_subcommand profile; and not __fish_seen_subcommand_from list show" -f -a "list" -d 'List the profiles'
complete -c mqt -n "__fish_mqt_using_subcommand profile; and not __fish_seen_subcommand_from list show" -f -a "show" -d 'Show a profile'
complete -c mqt -n "__fish_mqt_using_subcommand profile; and __fish_seen_subcommand_from list" -l help -d 'Print the full help'
complete -c mqt -n "__fish_mqt_using_subcommand profile; and __fish_seen_subcommand_from list" -s ?
complete -c mqt -n "__fish_mqt_using_subcommand profile; and __fish_seen_subcommand_from show" -l help -d 'Print the full help'
complete -c mqt -n "__fish_mqt_using_subcommand profile; and __fish_seen_subcommand_from show" -s ?
complete -c mqt -n "__fish_mqt_using_subcommand install-links" -l remove -d 'Remove the links instead'
complete -c mqt -n "__fish_mqt_using_subcommand install-links" -l help -d 'Print the full help'
complete -c mqt -n "__fish_mqt_using_subcommand install-links" -s ?
complete -c mqt -n "__fish_mqt_using_subcommand generate; and not __fish_seen_subcommand_from completions man" -l help -d 'Print the full help'
complete -c mqt -n "__fish_mqt_using_subcommand generate; and not __fish_seen_subcommand_from completions man" -s ?
complete -c mqt -n "__fish_mqt_using_subcommand generate; and not __fish_seen_subcommand_from completions man" -f -a "completions" -d 'Print completions for a shell'
complete -c mqt -n "__fish_mqt_using_subcommand generate; and not __fish_seen_subcommand_from completions man" -f -a "man" -d 'Write the manual pages into a folder'
complete -c mqt -n "__fish_mqt_using_subcommand generate; and __fish_seen_subcommand_from completions" -l help -d 'Print the full help'
complete -c mqt -n "__fish_mqt_using_subcommand generate; and __fish_seen_subcommand_from completions" -s ?
complete -c mqt -n "__fish_mqt_using_subcommand generate; and __fish_seen_subcommand_from man" -l mosquitto -d 'Write those of mosquitto_pub, mosquitto_sub and mosquitto_rr instead'
complete -c mqt -n "__fish_mqt_using_subcommand generate; and __fish_seen_subcommand_from man" -l help -d 'Print the full help'
complete -c mqt -n "__fish_mqt_using_subcommand generate; and __fish_seen_subcommand_from man" -s ?
complete -c mqt -n "__fish_mqt_using_subcommand help" -l help -d 'Print the full help'
complete -c mqt -n "__fish_mqt_using_subcommand help" -s ?
