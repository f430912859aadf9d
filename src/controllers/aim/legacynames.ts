import { goJson } from './gojson.ts';
import { longestName, profileHashText, profileSuffix, sha256, type NamedProfile } from './names.ts';

/** Derived names of the group aim.silogen.ai (aim.md 11.3). */

/** A text as a DNS subdomain name: dots stay, runs of anything else become one `-`. */
export function legacyName(text: string): string {
  return text
    .toLowerCase()
    .replaceAll(/[^a-z0-9.-]+/g, '-')
    .replace(/^[-.]+/, '')
    .replace(/[-.]+$/, '')
    .replaceAll(/[-.]{2,}/g, '-')
    .slice(0, longestName)
    .replace(/-+$/, '');
}

/** As `legacyName`, without dots. */
const withoutDots = (text: string): string => legacyName(text.replaceAll('.', '-'));

export function legacyInferenceServiceName(service: string, namespace: string): string {
  const maxLength = longestName - '-predictor'.length - namespace.length - 1;
  if (service.length <= maxLength) return service;
  return legacyName(`${service.slice(0, Math.max(0, maxLength - 9))}-${sha256(service).slice(0, 8)}`);
}

/** As the guide has it (seed 002, "Routing not working"). */
export const legacyHTTPRouteName = (service: string): string => `${service}-route`;

export const temporaryClaimName = (inferenceService: string): string => `${inferenceService}-temp-cache`;

/** Takes any text: what is not an image reference gets a name, too. */
export function legacyImageModelName(image: string): string {
  const [repository = '', digest] = image.split('@', 2);
  const last = repository.slice(repository.lastIndexOf('/') + 1);
  const colon = last.indexOf(':');
  const basename = withoutDots(colon < 0 ? last : last.slice(0, colon)) || 'model';
  const tag = tagOf(colon < 0 ? undefined : last.slice(colon + 1), digest);
  const suffix = `-${tag}-${sha256(image).slice(0, 8)}`;
  return `${basename.slice(0, longestName - suffix.length).replace(/-+$/, '')}${suffix}`;
}

function tagOf(tag: string | undefined, digest: string | undefined): string {
  if (digest !== undefined) return digest.slice(digest.indexOf(':') + 1).slice(0, 6);
  if (tag === undefined) return 'latest';
  return withoutDots(tag) || 'notag';
}

export function legacyDiscoveredTemplateName(imageModel: string, model: string, profile: NamedProfile): string {
  const parts = profileSuffix(profile);
  const hash = sha256(`${model}${profileHashText(profile)}`).slice(0, 4);
  const suffix = `${parts === '' ? '' : `-${parts}`}-${hash}`;
  return `${imageModel.slice(0, longestName - suffix.length).replace(/-+$/, '')}${suffix}`;
}

export interface LegacyOverrides {
  readonly metric?: string | undefined;
  readonly precision?: string | undefined;
  readonly gpuSelector?:
    { readonly count: number; readonly model: string; readonly resourceName?: string | undefined } | undefined;
}

export function legacyDerivedTemplateName(base: string, { metric, precision, gpuSelector }: LegacyOverrides): string {
  const selector =
    gpuSelector === undefined
      ? undefined
      : {
          count: gpuSelector.count,
          model: gpuSelector.model,
          resourceName: gpuSelector.resourceName ?? 'amd.com/gpu',
        };
  const suffix = `-ovr-${sha256(goJson({ metric, precision, gpuSelector: selector })).slice(0, 8)}`;
  return `${base.slice(0, longestName - suffix.length).replace(/-+$/, '')}${suffix}`;
}

export const legacyModelCacheName = (source: string): string => withoutDots(source);
