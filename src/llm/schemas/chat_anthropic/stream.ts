import { EventReader } from '../../events.ts';
import { objectOf, numberOf, parseObject, textOf, type JsonObject } from '../../json.ts';
import { dataEvent } from '../translator.ts';
import { finishReason, usage } from './answer.ts';

/** A stream of Anthropic's API as chunks of an OpenAI chat completion (aigateway.md 4.5). Bounded state: no text is kept. */
export class ChatChunks {
  readonly #requestModel: string;
  readonly #created: number;
  readonly #events = new EventReader();
  #id = '';
  #usage: JsonObject = {};
  #stopReason: unknown;
  #saidRole = false;
  /** Index of the last tool call; -1 before the first. */
  #call = -1;

  constructor(requestModel: string, created: number) {
    this.#requestModel = requestModel;
    this.#created = created;
  }

  chunk(bytes: Buffer): string {
    return this.#events
      .push(bytes)
      .map(({ data }) => this.#take(parseObject(data)))
      .join('');
  }

  end(): string {
    const rest = this.#events
      .end()
      .map(({ data }) => this.#take(parseObject(data)))
      .join('');
    const total = usage(this.#usage);
    const counted = numberOf(total['total_tokens']) ?? 0;
    const last = counted > 0 ? dataEvent({ ...this.#head(), choices: [], usage: total }) : '';
    return `${rest}${last}data: [DONE]\n\n`;
  }

  #take(event: JsonObject | undefined): string {
    switch (event?.['type']) {
      case 'message_start': {
        const message = objectOf(event['message']);
        this.#id = textOf(message['id']) ?? '';
        this.#usage = objectOf(message['usage']);
        return '';
      }
      case 'content_block_start':
        return this.#begin(objectOf(event['content_block']));
      case 'content_block_delta':
        return this.#delta(objectOf(event['delta']));
      case 'message_delta':
        this.#stopReason = objectOf(event['delta'])['stop_reason'] ?? this.#stopReason;
        this.#usage = { ...this.#usage, ...objectOf(event['usage']) };
        return '';
      case 'message_stop':
        return this.#send({}, finishReason(this.#stopReason));
      case 'error': {
        const { type, message } = objectOf(event['error']);
        return dataEvent({ type: 'error', error: { type, code: '500', message } });
      }
      default:
        return '';
    }
  }

  #begin({ type, id, name }: JsonObject): string {
    if (type !== 'tool_use' && type !== 'server_tool_use') return '';
    this.#call += 1;
    return this.#say({ tool_calls: [{ index: this.#call, id, type: 'function', function: { name, arguments: '' } }] });
  }

  #delta({ type, text, thinking, signature, partial_json: json }: JsonObject): string {
    if (type === 'text_delta') return this.#say({ content: text });
    if (type === 'thinking_delta') return this.#say({ reasoning_content: thinking });
    // Whoever continues the conversation has to give it back.
    if (type === 'signature_delta') return this.#say({ thinking_blocks: [{ type: 'thinking', signature }] });
    if (type !== 'input_json_delta') return '';
    return this.#say({ tool_calls: [{ index: this.#call, function: { arguments: json } }] });
  }

  /** A delta of the assistant, whose first says that it is one. */
  #say(delta: JsonObject): string {
    const role = this.#saidRole ? {} : { role: 'assistant' };
    this.#saidRole = true;
    return this.#send({ ...role, ...delta }, null);
  }

  #send(delta: JsonObject, finish: string | null): string {
    return dataEvent({ ...this.#head(), choices: [{ index: 0, delta, finish_reason: finish }] });
  }

  #head(): JsonObject {
    return { id: this.#id, object: 'chat.completion.chunk', created: this.#created, model: this.#requestModel };
  }
}
