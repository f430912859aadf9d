import { CredentialError, type CredentialEnvironment } from './environment.ts';
import { keysOfFile, type AwsKeys } from './awsfile.ts';
import { assumeRole, keysOfJson } from './awssts.ts';
import type { Expiring } from './tokencache.ts';
import { ask, checkedUrl } from './tokenrequest.ts';

/**
 * The default credentials of AWS, in the order of its Go SDK: environment, web identity (IRSA), shared files, container (ECS, EKS Pod
 * Identity), instance metadata. SSO, role chains and credential processes of shared files are refused by name.
 */
export async function defaultChain(
  world: CredentialEnvironment,
  region: string,
  signal: AbortSignal,
): Promise<Expiring<AwsKeys>> {
  return (
    fromEnvironment(world) ??
    (await fromWebIdentity(world, region, signal)) ??
    (await fromSharedFiles(world)) ??
    (await fromContainer(world, signal)) ??
    (await fromInstance(world, signal))
  );
}

/** Keys without an end are read again after a while: whoever rotates files and variables expects it. */
const rereadMs = 60_000;

function fromEnvironment({ variables }: CredentialEnvironment): Expiring<AwsKeys> | undefined {
  const {
    AWS_ACCESS_KEY_ID: accessKeyId,
    AWS_SECRET_ACCESS_KEY: secretAccessKey,
    AWS_SESSION_TOKEN: sessionToken,
  } = variables;
  if (!accessKeyId || !secretAccessKey) return undefined;
  return { value: { accessKeyId, secretAccessKey, ...(sessionToken ? { sessionToken } : {}) }, expiresMs: undefined };
}

async function fromWebIdentity(
  world: CredentialEnvironment,
  region: string,
  signal: AbortSignal,
): Promise<Expiring<AwsKeys> | undefined> {
  const { AWS_WEB_IDENTITY_TOKEN_FILE: file, AWS_ROLE_ARN: roleArn, AWS_ROLE_SESSION_NAME: session } = world.variables;
  if (!file || !roleArn) return undefined;
  const token = (await readNamed(world, file, 'AWS_WEB_IDENTITY_TOKEN_FILE')).trim();
  return assumeRole(world, { roleArn, sessionName: session ?? 'ai-gateway', region, token }, signal);
}

async function fromSharedFiles(world: CredentialEnvironment): Promise<Expiring<AwsKeys> | undefined> {
  const { AWS_SHARED_CREDENTIALS_FILE: named, AWS_PROFILE: profile } = world.variables;
  const file = named ?? `${world.homeDirectory}/.aws/credentials`;
  let text: string;
  try {
    text = await world.readFile(file);
  } catch {
    if (named === undefined && profile === undefined) return undefined;
    throw new CredentialError(500, `AWS credentials file ${file} cannot be read`);
  }
  const value = keysOfFile(text, profile ?? 'default', `AWS credentials file ${file}`);
  return { value, expiresMs: world.clock.now() + rereadMs };
}

/** Addresses that ECS and EKS have their agents at, beside this machine's own. */
const agents = new Set(['169.254.170.2', '169.254.170.23', '[fd00:ec2::23]']);

async function fromContainer(
  world: CredentialEnvironment,
  signal: AbortSignal,
): Promise<Expiring<AwsKeys> | undefined> {
  const {
    AWS_CONTAINER_CREDENTIALS_RELATIVE_URI: relative,
    AWS_CONTAINER_CREDENTIALS_FULL_URI: full,
    AWS_CONTAINER_AUTHORIZATION_TOKEN: token,
    AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: tokenFile,
  } = world.variables;
  if (!relative && !full) return undefined;
  const url = relative ? `http://169.254.170.2${relative}` : (full ?? '');
  if (!URL.canParse(url) || !agents.has(new URL(url).hostname)) {
    checkedUrl(url, 'AWS_CONTAINER_CREDENTIALS_FULL_URI');
  }
  const authorization = tokenFile
    ? (await readNamed(world, tokenFile, 'AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE')).trim()
    : token;
  const who = 'AWS container credentials';
  const { body } = await ask(world.http, { who, url, signal, headers: authorization ? { authorization } : {} });
  return keysOfJson(body, who);
}

/** Instance metadata, version 2 only. */
async function fromInstance(world: CredentialEnvironment, signal: AbortSignal): Promise<Expiring<AwsKeys>> {
  const { AWS_EC2_METADATA_DISABLED: disabled, AWS_EC2_METADATA_SERVICE_ENDPOINT: named } = world.variables;
  if (disabled?.toLowerCase() === 'true') {
    throw new CredentialError(500, 'the default chain of AWS has no credentials, and instance metadata is disabled');
  }
  const base = (named ?? 'http://169.254.169.254').replace(/\/$/, '');
  const who = 'AWS instance metadata';
  const { body: token } = await ask(world.http, {
    who,
    url: `${base}/latest/api/token`,
    method: 'PUT',
    headers: { 'x-aws-ec2-metadata-token-ttl-seconds': '300' },
    signal,
  });
  const headers = { 'x-aws-ec2-metadata-token': token };
  const list = `${base}/latest/meta-data/iam/security-credentials/`;
  const { body: roles } = await ask(world.http, { who, url: list, headers, signal });
  const [role = ''] = roles.trim().split(/\s+/);
  const { body } = await ask(world.http, { who, url: list + encodeURIComponent(role), headers, signal });
  return keysOfJson(body, who);
}

/** @throws CredentialError that names the variable */
async function readNamed(world: CredentialEnvironment, file: string, variable: string): Promise<string> {
  try {
    return await world.readFile(file);
  } catch {
    throw new CredentialError(500, `${variable}: ${file} cannot be read`);
  }
}
