/**
 * To be imported before anything that imports `node:http`. An ES module that imports it reads every export at once, among them
 * three that load all of Node's own undici (50 ms and 3 MB in every process and thread) for WebSocket and two events,
 * which nobody takes from there. They stay where they are, but are no exports any more.
 */
const http = process.getBuiltinModule('node:http');
for (const name of ['WebSocket', 'CloseEvent', 'MessageEvent']) {
  const property = Object.getOwnPropertyDescriptor(http, name);
  if (property?.get !== undefined && property.configurable === true) {
    Object.defineProperty(http, name, { ...property, enumerable: false });
  }
}

export {};
