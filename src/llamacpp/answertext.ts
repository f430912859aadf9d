/** Turns tokens into text as they come, and ends it at a stop sequence. */
export interface AnswerText<T> {
  /** The text that can be shown now. */
  push(token: T): string;
  /** What was held back. */
  end(): string;
  /** A stop sequence has been found: nothing more is to be shown. */
  readonly stopped: boolean;
}

/** Tokens that together make one character; more than that is broken text and is shown as it is. */
const longestCharacter = 8;
/** Tokenizers put spaces by what was before. */
const remembered = 8;

/**
 * A token may be a part of a character, and the text so far may be the beginning of a stop sequence: such text is held back until
 * it is known. The stop sequence itself is never shown.
 */
export function createAnswerText<T>(
  detokenize: (tokens: readonly T[], before: readonly T[]) => string,
  stop: readonly string[],
): AnswerText<T> {
  let before: T[] = [];
  let partial: T[] = [];
  let held = '';
  let stopped = false;

  const decode = (): string => {
    const text = detokenize(partial, before);
    if (text.endsWith('\ufffd') && partial.length < longestCharacter) return '';
    before = [...before, ...partial].slice(-remembered);
    partial = [];
    return text;
  };
  const cut = (text: string): string | undefined => {
    const ends = stop.map((sequence) => text.indexOf(sequence)).filter((at) => at >= 0);
    return ends.length === 0 ? undefined : text.slice(0, Math.min(...ends));
  };

  return {
    push(token) {
      if (stopped) return '';
      partial.push(token);
      held += decode();
      const whole = cut(held);
      if (whole !== undefined) {
        stopped = true;
        return whole;
      }
      const shown = held.slice(0, held.length - possibleStop(held, stop));
      held = held.slice(shown.length);
      return shown;
    },
    end() {
      if (stopped) return '';
      const rest = held + (partial.length === 0 ? '' : detokenize(partial, before));
      held = '';
      partial = [];
      return rest;
    },
    get stopped() {
      return stopped;
    },
  };
}

/** How much of the end of `text` could be the beginning of a stop sequence. */
function possibleStop(text: string, stop: readonly string[]): number {
  let longest = 0;
  for (const sequence of stop) {
    for (let length = Math.min(sequence.length - 1, text.length); length > longest; length--) {
      if (text.endsWith(sequence.slice(0, length))) longest = length;
    }
  }
  return longest;
}
