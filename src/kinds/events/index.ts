import type { Kind } from '../kind.ts';
import { EventsEvent } from './event.ts';

/** The kinds of events.k8s.io. */
export const kinds: readonly Kind[] = [EventsEvent];
