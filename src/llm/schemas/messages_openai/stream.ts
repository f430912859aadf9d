import { EventReader } from '../../events.ts';
import { isObject, listOf, numberOf, objectOf, parseObject, textOf, type JsonObject } from '../../json.ts';
import { namedEvent } from '../translator.ts';
import { messageUsage, reasoningOf, stopReason } from './answer.ts';

type BlockType = 'thinking' | 'text' | 'tool_use';

/** Chunks of an OpenAI chat completion as the events of Anthropic's API (aigateway.md 4.9). Bounded state: no text is kept. */
export class MessageEvents {
  readonly #requestModel: string;
  readonly #events = new EventReader();
  #started = false;
  #ended = false;
  #block: BlockType | undefined;
  /** Of the block that is open, or the next one's. */
  #index = 0;
  /** Which of the backend's tool calls is open. */
  #call: number | undefined;
  #finish: unknown;
  #usage: unknown;

  constructor(requestModel: string) {
    this.#requestModel = requestModel;
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
    return rest + this.#conclude();
  }

  #take(chunk: JsonObject | undefined): string {
    if (chunk === undefined || this.#ended) return '';
    const error = chunk['error'];
    if (isObject(error))
      return namedEvent('error', { type: 'error', error: { type: error['type'], message: error['message'] } });
    const choice = listOf(chunk['choices']).map(objectOf)[0];
    if (chunk['usage'] !== undefined && chunk['usage'] !== null) this.#usage = chunk['usage'];
    if (choice === undefined) return this.#usage === undefined ? '' : this.#start(chunk) + this.#conclude();
    const delta = objectOf(choice['delta']);
    this.#finish = choice['finish_reason'] ?? this.#finish;
    const calls = listOf(delta['tool_calls']).map((call) => this.#toolDelta(objectOf(call)));
    return [this.#start(chunk), this.#thinkingDelta(delta), this.#textDelta(delta), ...calls].join('');
  }

  #start(chunk: JsonObject): string {
    if (this.#started) return '';
    this.#started = true;
    const message = {
      id: textOf(chunk['id']) ?? '',
      type: 'message',
      role: 'assistant',
      model: textOf(chunk['model']) ?? this.#requestModel,
      content: [],
      stop_reason: null,
      stop_sequence: null,
      usage: messageUsage(undefined),
    };
    return namedEvent('message_start', { type: 'message_start', message });
  }

  #thinkingDelta(delta: JsonObject): string {
    const { thinking, signature } = reasoningOf(delta);
    const signed =
      signature ||
      listOf(delta['thinking_blocks'])
        .map((block) => textOf(objectOf(block)['signature']) ?? '')
        .join('');
    if (thinking === '' && signed === '') return '';
    const opened = this.#open('thinking', { type: 'thinking', thinking: '', signature: '' });
    const thought = thinking === '' ? '' : this.#delta({ type: 'thinking_delta', thinking });
    return opened + thought + (signed === '' ? '' : this.#delta({ type: 'signature_delta', signature: signed }));
  }

  #textDelta(delta: JsonObject): string {
    const text = textOf(delta['content']) ?? '';
    if (text === '') return '';
    return this.#open('text', { type: 'text', text: '' }) + this.#delta({ type: 'text_delta', text });
  }

  #toolDelta(call: JsonObject): string {
    const index = numberOf(call['index']) ?? 0;
    const { name, arguments: json } = objectOf(call['function']);
    const isNew = this.#block !== 'tool_use' || this.#call !== index;
    const opened = isNew
      ? this.#close() + this.#open('tool_use', { type: 'tool_use', id: call['id'], name, input: {} })
      : '';
    this.#call = index;
    const text = textOf(json) ?? '';
    return opened + (text === '' ? '' : this.#delta({ type: 'input_json_delta', partial_json: text }));
  }

  #open(type: BlockType, block: JsonObject): string {
    if (this.#block === type) return '';
    const closed = this.#close();
    this.#block = type;
    return (
      closed +
      namedEvent('content_block_start', { type: 'content_block_start', index: this.#index, content_block: block })
    );
  }

  #delta(delta: JsonObject): string {
    return namedEvent('content_block_delta', { type: 'content_block_delta', index: this.#index, delta });
  }

  #close(): string {
    if (this.#block === undefined) return '';
    this.#block = undefined;
    this.#index += 1;
    return namedEvent('content_block_stop', { type: 'content_block_stop', index: this.#index - 1 });
  }

  /** Once: on the usage, which comes last, or at the end of a stream that has none. */
  #conclude(): string {
    if (this.#ended || !this.#started) return '';
    this.#ended = true;
    const delta = { stop_reason: stopReason(this.#finish), stop_sequence: null };
    const { input_tokens, output_tokens } = messageUsage(this.#usage);
    const last = namedEvent('message_delta', { type: 'message_delta', delta, usage: { input_tokens, output_tokens } });
    return this.#close() + last + namedEvent('message_stop', { type: 'message_stop' });
  }
}
