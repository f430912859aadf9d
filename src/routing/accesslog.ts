import type { EnvoyProxy } from '../kinds/envoygateway/envoyproxy.ts';
import { knownOperators, parseCondition, partsOf, type AccessLog, type AccessLogFormat } from '../routes/accesslog.ts';

type Telemetry = NonNullable<NonNullable<EnvoyProxy['spec']>['telemetry']>;
type Settings = NonNullable<Telemetry['accessLog']>;

/** What of an EnvoyProxy's access log is written, and the fields that have no effect. Without settings none is written. */
export function accessLogsOf({ disable = false, settings = [] }: Settings): {
  readonly logs: readonly AccessLog[];
  readonly withoutEffect: readonly string[];
} {
  const logs: AccessLog[] = [];
  const withoutEffect: string[] = [];
  if (disable) return { logs, withoutEffect };
  for (const [i, { type = 'Route', format: declared, matches: when = [], sinks }] of settings.entries()) {
    const at = `telemetry.accessLog.settings[${i}]`;
    const format = formatOf(declared);
    if (type !== 'Route') withoutEffect.push(`${at}.type`);
    else if (format === undefined) withoutEffect.push(`${at}.format`);
    else if (when.some((text) => parseCondition(text) === undefined)) withoutEffect.push(`${at}.matches`);
    else {
      const unknown = operatorsIn(format).filter((operator) => !knownOperators.has(operator));
      withoutEffect.push(...unknown.map((operator) => `${at}.format %${operator}%`));
      for (const [j, { file }] of sinks.entries()) {
        const path = file?.path;
        // Files of the machine are not for whoever may write an EnvoyProxy.
        if (path === '/dev/stdout' || path === '/dev/stderr') logs.push({ path, format, when });
        else withoutEffect.push(`${at}.sinks[${j}]`);
      }
    }
  }
  return { logs, withoutEffect };
}

function formatOf(declared: NonNullable<Settings['settings']>[number]['format']): AccessLogFormat | undefined {
  if (declared?.text !== undefined) return { type: 'text', text: declared.text };
  if (declared?.json !== undefined) return { type: 'json', fields: declared.json };
  return undefined;
}

function operatorsIn(format: AccessLogFormat): string[] {
  const texts = format.type === 'text' ? [format.text] : Object.values(format.fields);
  const found = texts.flatMap(partsOf).flatMap((part) => (typeof part === 'string' ? [] : [part.operator]));
  return [...new Set(found)];
}
