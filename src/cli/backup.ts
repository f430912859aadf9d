import { backup, restore } from '../app/backup.ts';

export interface BackupFlags {
  dataDir: string;
}

export function runBackup(file: string, { dataDir }: BackupFlags): void {
  const { objects, revision } = backup(file, dataDir);
  console.log(`${file}: ${objects} objects at version ${revision}. It holds credentials and Secrets: keep it private.`);
}

export async function runRestore(file: string, { dataDir }: BackupFlags): Promise<void> {
  const { objects, revision, replaced } = await restore(file, dataDir);
  console.log(`${dataDir}: ${objects} objects restored; versions go on from ${revision}.`);
  if (replaced !== undefined) console.log(`What was there is in ${replaced}; delete it when it is no longer needed.`);
}
