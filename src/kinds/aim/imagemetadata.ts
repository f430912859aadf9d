import { Type, type Static } from '../type.ts';
import { int32, stringMap } from '../schema.ts';

/** What the labels of an AIM image say of the model in it (aim.md 6.1, 6.2). */

const text = (description: string) => Type.Optional(Type.String({ description }));
const texts = (description: string) => Type.Optional(Type.Array(Type.String(), { description }));

const recommendedDeployment = Type.Object({
  gpuModel: text('Model of the GPUs.'),
  gpuCount: Type.Optional(int32({ description: 'Number of GPUs.' })),
  precision: text('Numeric precision.'),
  metric: text('What it is made for.'),
  profileId: text('Profile of the image.'),
  description: text('What it is, for people.'),
});

export type RecommendedDeployment = Static<typeof recommendedDeployment>;

const model = Type.Object(
  {
    canonicalName: text('Name of the model, organisation/name.'),
    source: text('Where the model comes from.'),
    tags: texts('What the model can do.'),
    versions: texts('Versions of the model.'),
    variants: texts('Variants of the model.'),
    hfTokenRequired: Type.Optional(Type.Boolean({ description: 'Whether a Hugging Face token is needed.' })),
    title: text('Title of the model.'),
    descriptionFull: text('What the model is.'),
    releaseNotes: text('What is new.'),
    recommendedDeployments: Type.Optional(
      Type.Array(recommendedDeployment, { description: 'Hardware and profiles that are recommended.' }),
    ),
  },
  { description: 'The model.' },
);

const oci = Type.Object(
  {
    title: text('Title of the image.'),
    description: text('What the image is.'),
    licenses: text('Licences of the image.'),
    vendor: text('Who made it.'),
    authors: text('Who wrote it.'),
    source: text('Where its source is.'),
    documentation: text('Where its documentation is.'),
    created: text('When it was made.'),
    revision: text('Revision of its source.'),
    version: text('Version of the image.'),
  },
  { description: 'The labels org.opencontainers.image.*.' },
);

export function imageMetadata(description: string) {
  return Type.Object(
    {
      model: Type.Optional(model),
      oci: Type.Optional(oci),
      originalLabels: Type.Optional(stringMap({ description: 'All labels of the image.' })),
    },
    { description },
  );
}

export type ImageMetadata = Static<ReturnType<typeof imageMetadata>>;
