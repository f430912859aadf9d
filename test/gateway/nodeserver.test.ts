import { describe } from 'vitest';
import type { Socket } from 'node:net';
import { closeServer, createHttpServer } from '../../src/gateway/server.ts';
import { defaultServerLimits } from '../../src/gateway/serverlimits.ts';
import { exchangeContract } from './contract/exchange.ts';
import { listen } from './fixture.ts';

describe('the Exchange over node:http', () => {
  exchangeContract(async (onExchange) => {
    const server = createHttpServer(defaultServerLimits, () => false, onExchange);
    const sockets = new Set<Socket>();
    server.on('connection', (socket: Socket) => sockets.add(socket));
    return { port: await listen(server), close: () => closeServer(server, sockets, 0) };
  });
});
