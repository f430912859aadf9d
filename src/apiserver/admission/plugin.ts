import type { User } from '../auth/user.ts';
import type { Served } from '../resources.ts';
import type { StoredObject } from '../store/object.ts';

export type Operation = 'CREATE' | 'UPDATE' | 'DELETE';

/** One write of a user, as admission sees it. Objects are at the version of the request. */
export interface Admission {
  operation: Operation;
  served: Served;
  /** Empty for an object whose name is still to be generated. */
  name: string;
  /** Name in the request's URL: empty where an object is posted to its collection, which is what authorizers go by. */
  urlName: string;
  namespace: string | undefined;
  subresource: string | undefined;
  /** Absent for DELETE. */
  object: StoredObject | undefined;
  /** Absent for CREATE. */
  oldObject: StoredObject | undefined;
  user: User;
  dryRun: boolean;
  /** Tells the user something with the answer. */
  warn(text: string): void;
}

/** What admission is decided by before a write's object is known. */
export type Target = Pick<Admission, 'operation' | 'served' | 'subresource'>;

/**
 * A rule of admission: changes or refuses the writes of users after authorization and before they are stored. The API server's
 * own writes do not pass through admission.
 */
export interface AdmissionPlugin {
  /** Cheap; asked for every write. */
  handles(target: Target): boolean;
  /** Resolves with the object to go on with. Refuses by throwing an ApiError. */
  mutate?(admission: Admission, object: StoredObject): Promise<StoredObject>;
  /** Sees the object as it would be stored. Refuses by throwing an ApiError. */
  validate?(admission: Admission): Promise<void>;
}
