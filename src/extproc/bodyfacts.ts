import type { PromptHashes } from '../picker/prefix/prompthasher.ts';

/** What routing needs to know of a request's body. */
export interface BodyFacts {
  /** Empty: the body names none. */
  readonly model: string;
  readonly streaming: boolean;
  readonly prompt: PromptHashes | undefined;
  /** Where the body has them. */
  readonly tokens?: readonly number[] | undefined;
}
