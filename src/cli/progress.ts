import { styleText } from 'node:util';

/** Where a command tells what it is doing. */
export interface Progress {
  /** What is being done now. */
  doing(message: string): void;
  /** What is to stay on the screen. */
  say(text: string): void;
  warn(message: string): void;
  /** Takes the line away that tells what is being done. */
  done(): void;
}

export interface Screen {
  write(text: string): unknown;
  readonly isTTY?: boolean;
  readonly columns?: number;
}

/** Elsewhere than on a terminal, what changes all the time is told so often. */
const quietMs = 1_000;

/** On a terminal one line that changes, in colour unless NO_COLOR says otherwise; elsewhere plain lines. */
export function createProgress(screen: Screen, now: () => number = () => performance.now()): Progress {
  const terminal = screen.isTTY === true;
  let shown = false;
  let told = { message: '', at: -Infinity };
  const clear = (): void => {
    if (shown) screen.write('\r\u001B[K');
    shown = false;
  };
  return {
    doing(message) {
      if (terminal) {
        clear();
        screen.write(dim(cut(`  ${message}`, widthOf(screen) - 1), terminal));
        shown = true;
        return;
      }
      const sameKind = message.split(' ', 1)[0] === told.message.split(' ', 1)[0];
      if (sameKind && now() - told.at < quietMs) return;
      told = { message, at: now() };
      screen.write(`  ${message}\n`);
    },
    say(text) {
      clear();
      screen.write(`${text}\n`);
    },
    warn(message) {
      clear();
      screen.write(`${paint('yellow', 'Warning:', terminal)} ${message}\n`);
    },
    done: clear,
  };
}

/** A terminal that does not tell its width has none of 0. */
function widthOf({ columns = 0 }: Screen): number {
  return columns > 0 ? columns : 80;
}

function cut(text: string, width: number): string {
  return text.length <= width ? text : `${text.slice(0, Math.max(0, width - 1))}…`;
}

const dim = (text: string, terminal: boolean): string => paint('dim', text, terminal);

/** In colour on a terminal, unless NO_COLOR (no-color.org) is set to anything. */
export function paint(format: 'dim' | 'yellow' | 'green' | 'bold', text: string, terminal: boolean): string {
  const plain = !terminal || (process.env['NO_COLOR'] ?? '') !== '';
  return plain ? text : styleText(format, text, { validateStream: false });
}
