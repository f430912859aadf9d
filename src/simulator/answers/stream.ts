import type { Usage } from '../../llm/server/answers.ts';
import type { AnswerSink } from '../../llm/server/eventstream.ts';
import type { Answer, AnswerFormat, Step } from './answer.ts';

export interface AnswerStream {
  step(choice: number, step: Step): void;
  /** Sends what `step` has gathered, in one write. */
  flush(): void;
  close(usage: Usage, showUsage: boolean): void;
}

/** Server-sent events; the head goes out with the first token, so that a client can tell waiting from answering. */
export function openStream(sink: AnswerSink, format: AnswerFormat, answer: Answer, promptTokens: number): AnswerStream {
  const events = format.stream(answer);
  let opened = false;
  let gathered = '';
  const open = (): void => {
    if (opened) return;
    opened = true;
    sink.head({ 'content-type': 'text/event-stream; charset=utf-8' });
    gathered = events.open(promptTokens);
  };
  return {
    step(choice, step) {
      open();
      gathered += events.step(choice, step);
    },
    flush() {
      if (gathered !== '') sink.write(gathered);
      gathered = '';
    },
    close(usage, showUsage) {
      open();
      sink.end(gathered + events.close(usage, showUsage));
    },
  };
}
