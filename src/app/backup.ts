import path from 'node:path';
import { restoreBackup, writeBackup, type BackupSummary } from '../apiserver/store/backup.ts';
import { openDataDir } from './datadir.ts';

/** Copies the objects and credentials of a data directory to a file, also while `headgate up` runs on it. */
export function backup(file: string, dataDir: string): BackupSummary {
  return writeBackup(path.resolve(dataDir), path.resolve(file));
}

/**
 * Puts a backup in the place of what a data directory holds.
 *
 * @throws Error when the directory is in use or the file is not a whole backup.
 */
export async function restore(
  file: string,
  dataDir: string,
): Promise<BackupSummary & { replaced: string | undefined }> {
  const directory = await openDataDir(dataDir);
  try {
    return await restoreBackup(path.resolve(file), directory.path, new Date());
  } finally {
    await directory.release();
  }
}
