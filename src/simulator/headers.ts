import { podHeaders, type Env } from '../llm/server/http.ts';

/** Headers of every answer: which pod gave it, and that it is simulated (epp.md 9.1). */
export function simulatedHeaders(env: Env, port: number): Record<string, string> {
  return { 'x-headgate-simulated': 'true', ...podHeaders(env, port) };
}
