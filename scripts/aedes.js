// A broker made of aedes, for scripts/interop and the tests: anyone may connect, `ann` with the password `right` only,
// and nobody may use topics below `denied/`. Needs the npm packages aedes and ws.
//
//   node aedes.js PORTS KEY CERT       PORTS as JSON: {"tcp": 1883, "ws": …, "tls": …, "wss": …}, those that are wanted
//
// Prints "ready" when it listens on all of them.
const fs = require('fs'), net = require('net'), tls = require('tls'), http = require('http'), https = require('https')
const { Aedes } = require('aedes')
const [ports, key, cert] = [JSON.parse(process.argv[2]), ...process.argv.slice(3, 5).map(path => fs.readFileSync(path))]

process.on('SIGTERM', () => process.exit(0))
Aedes.createBroker().then(async broker => {
  broker.authenticate = (client, user, password, done) => {
    if (!user || (user === 'ann' && String(password) === 'right')) return done(null, true)
    done(Object.assign(new Error('wrong password'), { returnCode: 4 }), false)
  }
  const denied = topic => topic.startsWith('denied/')
  broker.authorizePublish = (client, packet, done) => done(denied(packet.topic) ? new Error('denied') : null)
  broker.authorizeSubscribe = (client, wanted, done) => done(null, denied(wanted.topic) ? null : wanted)

  const webSocket = server => {
    const { WebSocketServer, createWebSocketStream } = require('ws')
    new WebSocketServer({ server }).on('connection', (socket, request) => broker.handle(createWebSocketStream(socket), request))
    return server
  }
  const servers = {
    tcp: () => net.createServer(broker.handle),
    tls: () => tls.createServer({ key, cert }, broker.handle),
    ws: () => webSocket(http.createServer()),
    wss: () => webSocket(https.createServer({ key, cert }))
  }
  await Promise.all(Object.entries(servers).filter(([name]) => ports[name]).map(([name, make]) =>
    new Promise(resolve => make().listen(ports[name], '127.0.0.1', resolve))))
  console.log('ready')
})
