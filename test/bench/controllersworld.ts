import { startWorld } from '../controllers/aim/fleet/world.ts';

/** The played world of controllers.ts in a process of its own: it prints where it is, and stops on SIGTERM. */
const world = await startWorld();
process.once('SIGTERM', () => {
  void world.stop();
});
const { url, caCertificate, token } = world;
process.stdout.write(`${JSON.stringify({ url, caCertificate, token })}\n`);
