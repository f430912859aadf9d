import { imageBasename } from '../../kinds/aim/images.ts';

/** What the names of AIM images and models tell, for the programs that stand in for them. */

/** Organisations whose names have a hyphen or capitals, as model hubs write them; others are one word in lower case. */
const organisations: Readonly<Record<string, string>> = {
  'meta-llama': 'meta-llama',
  'deepseek-ai': 'deepseek-ai',
  'ibm-granite': 'ibm-granite',
  qwen: 'Qwen',
  coherelabs: 'CohereLabs',
  huggingfacetb: 'HuggingFaceTB',
};

/** Organisations that write their models in lower case. */
const lowerCase = new Set(['openai', 'google', 'amd']);

/**
 * The model that an AIM image serves, as model hubs write it: `amdenterpriseai/aim-qwen-qwen3-32b:0.8.5` is `Qwen/Qwen3-32B`,
 * `aim-meta-llama-llama-3-1-8b-instruct` is `meta-llama/Llama-3.1-8B-Instruct`. Made from the words of the name; the image
 * itself is never looked into.
 */
export function modelOfImage(image: string): string {
  const name = imageBasename(image).replace(/^aim-/, '');
  const known = Object.keys(organisations).find((organisation) => name.startsWith(`${organisation}-`));
  const organisation = known ?? name.split('-')[0] ?? 'model';
  const rest = name.slice(organisation.length + 1);
  const model = rest === '' ? name : rest;
  const written = organisations[organisation] ?? organisation;
  return `${written}/${lowerCase.has(organisation) ? model : titled(model)}`;
}

/** `llama-3-1-8b-instruct` becomes `Llama-3.1-8B-Instruct`. */
function titled(name: string): string {
  return name
    .replaceAll(/(^|-)(v?\d)-(\d)(?=-|$)/g, '$1$2.$3')
    .split('-')
    .map((word) => {
      if (/^\d+x?\d*(\.\d+)?[bm]$/.test(word)) return `${word.slice(0, -1)}${word.slice(-1).toUpperCase()}`;
      return /^v\d/.test(word) ? word : word.charAt(0).toUpperCase() + word.slice(1);
    })
    .join('-');
}

/** What a parameter takes, in bytes. */
const bytesPerParameter: Readonly<Record<string, number>> = { fp4: 0.5, int4: 0.5, fp8: 1, int8: 1, fp32: 4 };
const otherPrecision = 2;
/** For names that do not tell. */
const defaultParameters = 500e6;

/** The size of a model's weights, estimated from its name: `Qwen/Qwen3-32B` has 32 billion parameters. */
export function weightBytes(model: string, precision = 'fp16'): number {
  const parts = /(?:^|[-_/])(?:(\d+)x)?(\d+(?:\.\d+)?)([bm])(?=$|[-_.])/i.exec(model);
  const unit = parts?.[3]?.toLowerCase() === 'm' ? 1e6 : 1e9;
  const parameters = parts === null ? defaultParameters : Number(parts[1] ?? 1) * Number(parts[2]) * unit;
  return Math.ceil(parameters * (bytesPerParameter[precision] ?? otherPrecision));
}
