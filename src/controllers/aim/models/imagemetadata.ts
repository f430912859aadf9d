import { Type } from '../../../kinds/type.ts';
import { matches, problemWith } from '../../../kinds/check.ts';
import type { ImageMetadata, RecommendedDeployment } from '../../../kinds/aim/imagemetadata.ts';

/** What the labels of an AIM image tell of it (aim.md 6.2): `status.imageMetadata` of a model. */

/** A label that does not say what its name promises. */
export class ImageLabelError extends Error {
  override readonly name = 'ImageLabelError';
}

const prefixes = ['com.amd.aim.', 'org.amd.silogen.'] as const;
const ociFields = [
  'title',
  'description',
  'licenses',
  'vendor',
  'authors',
  'source',
  'documentation',
  'created',
  'revision',
  'version',
] as const;

type Labels = Readonly<Record<string, string>>;

/**
 * Reads AMD's labels, of the newer prefix before the older, and those of the OCI image specification.
 *
 * @throws ImageLabelError when the recommended deployments are no JSON list of deployments
 */
export function metadataOfLabels(labels: Labels): ImageMetadata {
  const label = (suffix: string): string | undefined => {
    const value = prefixes.map((prefix) => labels[prefix + suffix]).find((text) => text !== undefined && text !== '');
    return value;
  };
  const model = defined({
    canonicalName: label('model.canonicalName'),
    source: label('model.source'),
    tags: list(label('model.tags')),
    versions: list(label('model.versions')),
    variants: list(label('model.variants')),
    hfTokenRequired: goBoolean(label('hfToken.required')),
    title: label('title'),
    descriptionFull: label('description.full'),
    releaseNotes: label('release.notes'),
    recommendedDeployments: deployments(label('model.recommendedDeployments')),
  });
  const oci = defined(
    Object.fromEntries(ociFields.map((field) => [field, labels[`org.opencontainers.image.${field}`]])),
  );
  return {
    ...(Object.keys(model).length === 0 ? {} : { model }),
    ...(Object.keys(oci).length === 0 ? {} : { oci }),
    ...(Object.keys(labels).length === 0 ? {} : { originalLabels: { ...labels } }),
  };
}

function list(text: string | undefined): string[] | undefined {
  const entries = text
    ?.split(',')
    .map((entry) => entry.trim())
    .filter((entry) => entry !== '');
  return entries === undefined || entries.length === 0 ? undefined : entries;
}

/** Go's strconv.ParseBool; anything else says nothing. */
function goBoolean(text: string | undefined): boolean | undefined {
  if (text === undefined) return undefined;
  if (['1', 't', 'T', 'TRUE', 'true', 'True'].includes(text)) return true;
  return ['0', 'f', 'F', 'FALSE', 'false', 'False'].includes(text) ? false : undefined;
}

const deploymentList = Type.Array(
  Type.Object({
    gpuModel: Type.Optional(Type.String()),
    gpuCount: Type.Optional(Type.Integer({ minimum: 0, maximum: 2 ** 31 - 1 })),
    precision: Type.Optional(Type.String()),
    metric: Type.Optional(Type.String()),
    profileId: Type.Optional(Type.String()),
    description: Type.Optional(Type.String()),
  }),
  { maxItems: 256 },
);

/** Image builders write it as Python prints it: with single quotes, and the brackets of a single entry left out. */
function deployments(text: string | undefined): RecommendedDeployment[] | undefined {
  if (text === undefined) return undefined;
  const json = text.replaceAll("'", '"').trim();
  let value: unknown;
  try {
    value = JSON.parse(json.startsWith('[') ? json : `[${json}]`);
  } catch {
    throw new ImageLabelError(
      'the image label model.recommendedDeployments is not a JSON list: rebuild the image, or set spec.imageMetadata',
    );
  }
  if (!matches(deploymentList, value)) {
    const error = problemWith(deploymentList, value);
    throw new ImageLabelError(
      `the image label model.recommendedDeployments is not a list of deployments: ${error?.instancePath ?? ''} ${error?.message ?? ''}`,
    );
  }
  // Labels may say more than the status has fields for.
  return value.map(({ gpuModel, gpuCount, precision, metric, profileId, description }) =>
    defined({ gpuModel, gpuCount, precision, metric, profileId, description }),
  );
}

type Defined<T> = { [K in keyof T]?: Exclude<T[K], undefined> };

/** The object without the fields that are undefined. */
function defined<T extends object>(fields: T): Defined<T> {
  // What is left has, by construction, no undefined value.
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Defined<T>;
}
