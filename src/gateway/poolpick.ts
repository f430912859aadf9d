/** How endpoints of an InferencePool are chosen for one request: by the picker in process, by somebody else's over ext_proc, or as its failureMode says. */
import type { Decision, Drop } from '../picker/decision.ts';
import { drops } from '../picker/decision.ts';
import type { PickRequest, Picker } from '../picker/picker.ts';
import type { Endpoint, Pool } from '../routes/table.ts';
import type { ForeignPickers } from './foreignpicker.ts';
import {
  withoutPicker,
  type Order,
  type PoolChoice,
  type PoolPick,
  type Refusal,
  type RequestView,
} from './poolchoice.ts';

/** A request as pickers see it. */
export interface PoolRequest extends PickRequest {
  view(): RequestView;
}

export interface PoolPickContext {
  readonly picker: Picker | undefined;
  readonly foreignPickers: ForeignPickers;
}

/** `settle` is called once, before this returns unless the request has to wait for the choice. */
export function choosePoolEndpoints(
  context: PoolPickContext,
  target: Pool,
  request: PoolRequest,
  order: Order,
  settle: (choice: PoolChoice) => void,
): PoolPick | undefined {
  const { endpoints, picker = inProcess } = target;
  const own = context.picker;
  if (endpoints.length === 0 || (picker.type === 'inProcess' && own === undefined)) {
    settle({ endpoints: order(endpoints) });
  } else if (picker.type === 'none') settle(withoutPicker(target, `has no endpoint picker: ${picker.reason}`, order));
  else if (picker.type === 'extProc') {
    return context.foreignPickers.ask(picker, target, request.view(), order, settle);
  } else if (own !== undefined) {
    let over = false;
    const picking = own.pick(target.key, endpoints, request, (picked, decision) => {
      if (over) return;
      // None of the endpoints that the request knows is in the pool any more: they may still be ending.
      if (decision === drops.noEndpoints) settle({ endpoints: order(endpoints) });
      else settle(choiceOf(picked, decision, request.model ?? ''));
    });
    return {
      responseHead: (status, _, served) => picking.responseHeaders(status, served),
      wantsUsage: own.wantsUsage,
      responseChunk: (bytes) => {
        picking.responseChunk(bytes);
      },
      usage: (usage) => {
        picking.usage(usage);
      },
      end() {
        over = true;
        picking.cancel();
      },
    };
  }
  return undefined;
}

const inProcess = { type: 'inProcess', config: '', ready: true } as const;

function choiceOf(endpoints: readonly Endpoint[], decision: Decision, model: string): PoolChoice {
  if (decision.type === 'drop') return refusalOf(decision);
  const { setHeaders, removeHeaders, targetModel } = decision;
  if (setHeaders.length === 0 && removeHeaders.length === 0 && targetModel === model) return { endpoints };
  const set = setHeaders.map(([name, value]) => ({ name, value }));
  const changes = { headers: { set, remove: removeHeaders } };
  return { endpoints, changes: targetModel === model ? changes : { ...changes, model: targetModel } };
}

/** epp.md 3.5 and 6.4 */
export function refusalOf({ httpStatus, code, message, reason }: Drop): Refusal {
  const headers = reason === undefined ? [] : ['x-llm-d-request-dropped-reason', reason];
  return { status: httpStatus, headers, text: `inference error: ${code} - ${message}` };
}
