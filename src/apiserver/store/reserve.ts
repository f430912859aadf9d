import { rmSync, statfsSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Room on the disk that is kept for deletions: on a full disk they are what helps, and they need room themselves. */
export interface Reserve {
  /** Takes the room back when there is plenty again. Cheap: called for every transaction. */
  refill(): void;
  /** Whether there is room for a write; a deletion that finds none is given the reserve. */
  hasRoom(forDeletion: boolean): boolean;
}

const reserveBytes = 2 * 1024 * 1024;
/** The reserve is taken only of so much. */
const plentyBytes = 16 * 1024 * 1024;
/** What the writes of one transaction may need, with what LMDB copies for them. */
const neededBytes = 8 * 1024 * 1024;
const neededByDeletionBytes = 1024 * 1024;

export function createReserve(directory: string): Reserve {
  const file = join(directory, 'reserve');
  let filled = false;
  return {
    refill() {
      if (filled) return;
      try {
        filled = statSync(file, { throwIfNoEntry: false })?.size === reserveBytes;
        if (filled || freeBytes(directory) < plentyBytes) return;
        // Not zeros, which some file systems keep as a hole.
        writeFileSync(file, Buffer.alloc(reserveBytes, 'reserve'), { mode: 0o600 });
        filled = true;
      } catch {
        rmSync(file, { force: true });
      }
    },
    hasRoom(forDeletion) {
      const free = freeBytes(directory);
      if (free >= neededBytes) return true;
      if (!forDeletion) return false;
      if (free < neededByDeletionBytes) {
        rmSync(file, { force: true });
        filled = false;
      }
      return freeBytes(directory) > 0;
    },
  };
}

export function freeBytes(directory: string): number {
  try {
    const { bavail, bsize } = statfsSync(directory);
    return bavail * bsize;
  } catch {
    return Infinity;
  }
}
