// `typical-count`: everybody shows the count in the middle of the group.
//
// The counts of main and the mirrors are put in order; the one in the middle is shown for each of them.
// Where two are in the middle, the setting `between` says which. Observers move no count and are shown
// their own. The same strategy as `../python/typical_count.py`: both give the same answers.

import { log } from 'fillsync:plugin/log@1.0.0';

const SCHEMA = {
  type: 'object',
  additionalProperties: false,
  properties: {
    between: {
      description: 'Which of two counts in the middle is shown.',
      enum: ['lower', 'higher'],
      default: 'lower',
    },
  },
};

// An instance lives for one question, so what `configure` took is simply kept here.
let between = 'lower';

export const description = {
  describe() {
    return {
      name: 'typical-count',
      version: '1.0.0',
      kind: 'strategy',
      summary: 'Every account shows the count in the middle of the group.',
      settingsSchema: JSON.stringify(SCHEMA),
      attributes: [['language', 'JavaScript']],
    };
  },
};

export const settings = {
  configure(json) {
    between = JSON.parse(json).between ?? 'lower';
    return [];
  },
};

export const strategy = {
  decide(view) {
    const counts = view.members.filter(movesCounts).map((member) => member.detected);
    counts.sort((a, b) => a - b);
    if (counts.length === 0 && view.members.length > 0) {
      // What is thrown is the error of the contract.
      throw { tag: 'undecided', val: 'the group has observers only' };
    }
    log('debug', `${view.symbol}: ${counts}`);
    return { shown: view.members.map((member) => row(member, counts)) };
  },
};

function movesCounts(member) {
  return member.role !== 'observer';
}

function row(member, counts) {
  if (!movesCounts(member)) {
    return { account: member.account, count: member.detected };
  }
  const middle = counts[Math.floor((counts.length - (between === 'lower' ? 1 : 0)) / 2)];
  const note = middle === member.detected ? undefined : `${middle} is the count in the middle`;
  return { account: member.account, count: middle, note };
}
