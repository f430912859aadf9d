import type { PluginFactory } from '../plugin.ts';

/** `single-profile-handler`: runs the one profile there is (epp.md 5.3). */
export const singleProfileHandler: PluginFactory = {
  types: ['single-profile-handler'],
  create: (name) => {
    let only = '';
    return {
      type: 'single-profile-handler',
      name,
      handler: {
        check(profiles) {
          only = profiles[0] ?? '';
          return profiles.length === 1 ? undefined : `exactly one scheduling profile expected, got ${profiles.length}`;
        },
        schedule(_, run) {
          const primary = run(only);
          return primary === undefined ? undefined : { primary };
        },
      },
    };
  },
};
