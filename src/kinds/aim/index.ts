import type { Kind } from '../kind.ts';
import { AIMArtifact } from './aimartifact.ts';
import { AIMClusterModelSource, LegacyAIMClusterModelSource } from './aimclustermodelsource.ts';
import { AIMClusterModel, AIMModel } from './aimmodel.ts';
import { AIMClusterRuntimeConfig, AIMRuntimeConfig } from './aimruntimeconfig.ts';
import { AIMService } from './aimservice.ts';
import { AIMClusterServiceTemplate, AIMServiceTemplate } from './aimservicetemplate.ts';
import { AIMTemplateCache } from './aimtemplatecache.ts';
import { LegacyAIMClusterModel, LegacyAIMModel } from './legacy/aimmodel.ts';
import { LegacyAIMModelCache } from './legacy/aimmodelcache.ts';
import { LegacyAIMClusterRuntimeConfig, LegacyAIMRuntimeConfig } from './legacy/aimruntimeconfig.ts';
import { LegacyAIMService } from './legacy/aimservice.ts';
import { LegacyAIMClusterServiceTemplate, LegacyAIMServiceTemplate } from './legacy/aimservicetemplate.ts';
import { LegacyAIMTemplateCache } from './legacy/aimtemplatecache.ts';

/**
 * The kinds of aim.silogen.ai and aim.eai.amd.com. kubectl takes `aimservice` for the group that is listed first: the legacy
 * one, whose guide calls its objects by these names.
 */
export const kinds: readonly Kind[] = [
  LegacyAIMService,
  LegacyAIMModel,
  LegacyAIMClusterModel,
  LegacyAIMClusterModelSource,
  LegacyAIMServiceTemplate,
  LegacyAIMClusterServiceTemplate,
  LegacyAIMRuntimeConfig,
  LegacyAIMClusterRuntimeConfig,
  LegacyAIMTemplateCache,
  LegacyAIMModelCache,
  AIMService,
  AIMModel,
  AIMClusterModel,
  AIMClusterModelSource,
  AIMServiceTemplate,
  AIMClusterServiceTemplate,
  AIMRuntimeConfig,
  AIMClusterRuntimeConfig,
  AIMTemplateCache,
  AIMArtifact,
];

export {
  AIMArtifact,
  AIMClusterModel,
  AIMClusterModelSource,
  AIMClusterRuntimeConfig,
  AIMClusterServiceTemplate,
  AIMModel,
  AIMRuntimeConfig,
  AIMService,
  AIMServiceTemplate,
  AIMTemplateCache,
  LegacyAIMClusterModel,
  LegacyAIMClusterModelSource,
  LegacyAIMClusterRuntimeConfig,
  LegacyAIMClusterServiceTemplate,
  LegacyAIMModel,
  LegacyAIMModelCache,
  LegacyAIMRuntimeConfig,
  LegacyAIMService,
  LegacyAIMServiceTemplate,
  LegacyAIMTemplateCache,
};
