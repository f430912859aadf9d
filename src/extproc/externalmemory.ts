import { setFlagsFromString } from 'node:v8';

/** The first V8 known to have the setting; an older one would complain of it on standard error. */
const firstMajor = 13;
const firstMinor = 6;

/**
 * Lets the collector weigh bytes outside of its heap together with those inside, for the whole process. Bodies of prompts are such
 * bytes, and by default every 64 MiB of them make V8 mark the whole heap, which took about half of an endpoint picker's time at bodies
 * of 100 KB (docs/performance.md). The heap's limits hold for both together.
 */
export function weighExternalMemoryWithHeap(): void {
  const [major = 0, minor = 0] = process.versions.v8.split('.').map(Number);
  if (major < firstMajor || (major === firstMajor && minor < firstMinor)) return;
  setFlagsFromString('--external-memory-accounted-in-global-limit');
}
