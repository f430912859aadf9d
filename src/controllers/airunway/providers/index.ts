import { dynamo } from './dynamo.ts';
import { kaito } from './kaito.ts';
import { kuberay } from './kuberay.ts';
import { llmd } from './llmd.ts';
import type { Provider } from './provider.ts';
import { vllm } from './vllm.ts';

/** A new provider is a file beside these, and its line here. */
export const providers: readonly Provider[] = [dynamo, kaito, kuberay, llmd, vllm];
