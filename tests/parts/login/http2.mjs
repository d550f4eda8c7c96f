// One request over HTTP/2, for tests whose own client speaks HTTP/1.1:
//
//     node http2.mjs '{"port": 1, "host": "h", "authority": "PEM", "headers": [["name", "value"]], "trailers": {}, "body": ""}'
//
// It prints {"status": 200, "body": "..."}. Headers are sent in fields of their own, cookies too (RFC 9113, section 8.2.3).
import { connect } from 'node:http2';

const { port, host, authority, headers, trailers, body } = JSON.parse(process.argv[2]);
const session = connect(`https://${host}:${port}`, {
  ca: authority,
  lookup: (_, options, found) => found(null, options.all ? [{ address: '127.0.0.1', family: 4 }] : '127.0.0.1', 4),
  servername: host,
});
const fail = (why) => {
  console.error(String(why));
  process.exit(1);
};
session.on('error', fail);
const fields = { ':authority': host };
for (const [name, value] of headers) fields[name] = name in fields ? [].concat(fields[name], value) : value;
const stream = session.request(fields, { endStream: false, waitForTrailers: Boolean(trailers) });
stream.on('error', fail);
if (trailers) stream.on('wantTrailers', () => stream.sendTrailers(trailers));
let status;
let text = '';
stream.on('response', (answer) => (status = answer[':status']));
stream.setEncoding('utf8');
stream.on('data', (chunk) => (text += chunk));
stream.on('end', () => {
  console.log(JSON.stringify({ status, body: text }));
  session.close();
});
stream.end(body ?? '');
