/** Kubernetes' order of preference of versions: v2, v1, v1beta2, v1beta1, v1alpha2... */
export function compareVersions(a: string, b: string): number {
  const [majorA, stageA, minorA] = versionParts(a);
  const [majorB, stageB, minorB] = versionParts(b);
  return stageB - stageA || majorB - majorA || minorB - minorA;
}

function versionParts(version: string): [number, number, number] {
  const groups = /^v(?<major>\d+)(?:(?<stage>alpha|beta)(?<minor>\d+))?$/.exec(version)?.groups;
  if (groups === undefined) return [0, -1, 0];
  const stage = groups['stage'] === undefined ? 2 : groups['stage'] === 'beta' ? 1 : 0;
  return [Number(groups['major']), stage, Number(groups['minor'] ?? 0)];
}
