// How Node's HTTP parser reads what a connection brings: prints a line of JSON for each connection
// that ended, with the client's port, the requests that came whole, and whether it found an error.
import http from 'node:http';

const connections = new Map();

const server = http.createServer({ requireHostHeader: false }, (request, response) => {
  const seen = connections.get(request.socket);
  const pieces = [];
  request.on('data', (piece) => pieces.push(piece));
  request.on('end', () => {
    if (!request.complete) return;
    const body = Buffer.concat(pieces).toString('hex');
    seen?.requests.push([request.method, request.url, body]);
    response.end();
  });
  request.on('error', () => {});
});

server.on('connection', (socket) => {
  const seen = { port: socket.remotePort, requests: [], error: false };
  connections.set(socket, seen);
  socket.on('error', () => {});
  socket.on('close', () => {
    connections.delete(socket);
    console.log(JSON.stringify(seen));
  });
});

server.on('clientError', (error, socket) => {
  const seen = connections.get(socket);
  if (seen) seen.error = true;
  socket.end('HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n');
});

server.on('connect', (request, socket) => socket.destroy());
server.on('upgrade', (request, socket) => socket.destroy());

server.listen(0, '127.0.0.1', () => console.log(JSON.stringify({ listens: server.address().port })));
