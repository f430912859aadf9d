/** RFC 3339 in whole seconds: metav1.Time as Kubernetes writes it. */
export function timestamp(time: Date = new Date()): string {
  return `${time.toISOString().slice(0, 19)}Z`;
}

/** RFC 3339 with six digits of a second: metav1.MicroTime as leases and events carry it. */
export function microTimestamp(time: Date = new Date()): string {
  return time.toISOString().replace('Z', '000Z');
}
