// my-plugin: every account shows the largest count of its group, or main's.
//
// A pure function of the view: the same view must have the same answer, byte for byte. An instance
// answers one question, so what `configure` keeps is there for `decide` and gone after it.

const SCHEMA = {
  type: 'object',
  additionalProperties: false,
  properties: {
    follow: {
      description: "Whose count everybody shows: the largest of the group, or main's.",
      enum: ['largest', 'main'],
      default: 'largest',
    },
  },
};

let follow = 'largest';

export const description = {
  describe() {
    return {
      name: 'my-plugin',
      version: '0.1.0',
      kind: 'strategy',
      summary: "Every account shows the largest count of its group, or main's.",
      settingsSchema: JSON.stringify(SCHEMA),
      attributes: [],
    };
  },
};

export const settings = {
  // The host has checked the text against SCHEMA before.
  configure(json) {
    const given = JSON.parse(json);
    if (!['largest', 'main', undefined].includes(given.follow)) {
      return [{ path: '/follow', severity: 'error', message: 'it is "largest" or "main"' }];
    }
    follow = given.follow ?? 'largest';
    return [];
  },
};

export const strategy = {
  decide(view) {
    try {
      return decide(view);
    } catch (error) {
      // Errors of the contract go as they are; without the rest the host would only see a trap.
      if (error?.tag) throw error;
      throw { tag: 'internal', val: `${error}\n${error?.stack}` };
    }
  },
};

function decide(view) {
  let members = view.members.filter((member) => member.role !== 'observer');
  if (follow === 'main') {
    members = members.filter((member) => member.role === 'main');
  }
  if (members.length === 0) {
    throw { tag: 'undecided', val: 'the group has no main account to follow' };
  }
  // Of equals the first, so that the note is always the same.
  const leader = members.reduce((best, member) => (member.detected > best.detected ? member : best));
  return {
    shown: view.members.map((member) => {
      const own = member.role === 'observer' || member.detected === leader.detected;
      return {
        account: member.account,
        count: own ? member.detected : leader.detected,
        note: own ? undefined : `${leader.account} has ${leader.detected}`,
      };
    }),
  };
}
