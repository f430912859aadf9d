import { configuredKey, withKey } from './apikey.ts';
import type { Authorization, Authorizer, OutgoingRequest } from './authorize.ts';
import { signed } from './aws.ts';
import type { AwsKeys } from './awsfile.ts';
import { awsKeys } from './awskeys.ts';
import { azureToken } from './azure.ts';
import { overrideHeaders, secretsOf, type Credential, type SecretKey } from './credential.ts';
import { CredentialError, type CredentialEnvironment } from './environment.ts';
import { gcpToken, vertexPath } from './gcp.ts';
import { missingCredential, overrideKeys, overrideText } from './override.ts';
import { isHeaderText } from './secrets.ts';
import { RotatingTokens } from './rotation.ts';

/**
 * The credentials of a gateway: an authorizer for each that the table names. Equal ones share their tokens, whatever number of
 * backends and routes they are for.
 */
export class Credentials {
  readonly #world: CredentialEnvironment;
  readonly #tokens = new Map<string, RotatingTokens<unknown>>();
  readonly #authorizers = new WeakMap<Credential, Authorizer>();

  constructor(world: CredentialEnvironment) {
    this.#world = world;
  }

  authorizer(credential: Credential): Authorizer {
    let authorizer = this.#authorizers.get(credential);
    if (authorizer === undefined) {
      authorizer = guarded(credential, this.#applierOf(credential));
      this.#authorizers.set(credential, authorizer);
    }
    return authorizer;
  }

  /** Forgets the tokens that none of these needs: with a new table, those of the table. */
  retain(credentials: Iterable<Credential>): void {
    const needed = new Set<string>();
    for (const credential of credentials) needed.add(tokenName(credential));
    for (const name of this.#tokens.keys()) if (!needed.has(name)) this.#tokens.delete(name);
  }

  #applierOf(credential: Credential): Apply {
    const world = this.#world;
    switch (credential.type) {
      case 'APIKey':
      case 'AzureAPIKey':
      case 'AnthropicAPIKey': {
        const { type, secret } = credential;
        return withText(credential, configuredKey(world.secrets, secret), (key) => withKey(type, key));
      }
      case 'AzureCredentials': {
        const tokens = this.#tokensOf(credential, secretsOf(credential), () =>
          azureToken(world, world.secrets, credential.source),
        );
        return withText(
          credential,
          () => tokens.get(),
          (token) => ({ remove: [], set: [bearer(token)] }),
        );
      }
      case 'GCPCredentials': {
        const tokens = this.#tokensOf(credential, secretsOf(credential), () => gcpToken(world, credential.source));
        const { project, region } = credential;
        return withText(
          credential,
          () => tokens.get(),
          (token, { path }) => ({
            remove: [],
            set: [bearer(token)],
            path: vertexPath(project, region, path),
          }),
        );
      }
      case 'AWSCredentials': {
        const keys = this.#tokensOf(credential, secretsOf(credential), () => awsKeys(world, credential.source));
        return withKeys(
          credential,
          () => keys.get(),
          (found, request) => signed(request, found, credential.region, world.clock.now()),
        );
      }
    }
  }

  #tokensOf<T>(
    credential: Credential,
    secrets: readonly SecretKey[],
    prepare: ConstructorParameters<typeof RotatingTokens<T>>[2],
  ): RotatingTokens<T> {
    const name = tokenName(credential);
    // The name holds the type, which says what its tokens are.
    const known = this.#tokens.get(name) as RotatingTokens<T> | undefined;
    if (known !== undefined) return known;
    const made = new RotatingTokens<T>(this.#world, secrets, prepare);
    this.#tokens.set(name, made);
    return made;
  }
}

type Apply = (request: OutgoingRequest) => Authorization | Promise<Authorization>;

const bearer = (token: string): { name: string; value: string } => ({
  name: 'authorization',
  value: `Bearer ${token}`,
});

/** Credentials of one source have the same tokens. */
function tokenName(credential: Credential): string {
  const { type } = credential;
  return JSON.stringify([type, 'source' in credential ? credential.source : credential.secret]);
}

/** Applies a text: the one that the request brings, else the configured one. */
function withText(
  { override }: Credential,
  configured: () => string | Promise<string>,
  apply: (text: string, request: OutgoingRequest) => Authorization,
): Apply {
  return (request) => {
    const own = override && overrideText(request, override);
    if (own !== undefined) return apply(own, request);
    if (override?.fallback === false) return { refused: 401, message: missingCredential };
    const text = configured();
    return typeof text === 'string' ? apply(text, request) : text.then((found) => apply(found, request));
  };
}

/** The same with keys of AWS. */
function withKeys(
  { override }: Credential,
  configured: () => AwsKeys | Promise<AwsKeys>,
  apply: (keys: AwsKeys, request: OutgoingRequest) => Promise<Authorization>,
): Apply {
  return async (request) => {
    const own = override && overrideKeys(request, override);
    if (own !== undefined) return apply(own, request);
    if (override?.fallback === false) return { refused: 401, message: missingCredential };
    return apply(await configured(), request);
  };
}

/**
 * What holds for all types: a credential goes to the backend it is for and nowhere else, the headers it may have been brought in
 * are taken out, and whatever goes wrong is told with the policy's name.
 */
function guarded(credential: Credential, apply: Apply): Authorizer {
  const { policy, audience } = credential;
  const strip = overrideHeaders(credential);
  const failed = (error: unknown): Authorization => {
    if (!(error instanceof CredentialError)) throw error;
    return { refused: error.status, message: `BackendSecurityPolicy ${policy}: ${error.message}` };
  };
  const finished = (authorization: Authorization): Authorization => {
    if ('refused' in authorization) return authorization;
    const unfit = authorization.set.find(({ value }) => !isHeaderText(value));
    if (unfit !== undefined)
      return failed(new CredentialError(500, `the value of ${unfit.name} has characters that no header may carry`));
    return strip.length === 0 ? authorization : { ...authorization, remove: [...strip, ...authorization.remove] };
  };
  return {
    authorize(request) {
      if (request.target !== audience) {
        return failed(new CredentialError(500, `it is for ${audience}, and the request goes to ${request.target}`));
      }
      try {
        const authorization = apply(request);
        return authorization instanceof Promise ? authorization.then(finished).catch(failed) : finished(authorization);
      } catch (error) {
        return failed(error);
      }
    },
  };
}
