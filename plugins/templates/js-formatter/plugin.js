// my-plugin: a fill in two lines.
//
// A pure function of the alert and the target: the same alert must have the same message. What it
// does not speak for is left to the host's plain text, so no alert is lost.

const SCHEMA = {
  type: 'object',
  additionalProperties: false,
  properties: {
    prefix: {
      description: 'What every message begins with.',
      type: 'string',
      default: '🔔',
    },
  },
};

let prefix = '🔔';

export const description = {
  describe() {
    return {
      name: 'my-plugin',
      version: '0.1.0',
      kind: 'formatter',
      summary: 'A fill in two lines.',
      settingsSchema: JSON.stringify(SCHEMA),
      attributes: [],
    };
  },
};

export const settings = {
  // The host has checked the text against SCHEMA before.
  configure(json) {
    const given = JSON.parse(json);
    if ([...(given.prefix ?? '')].length > 20) {
      const message = 'it has more than 20 characters; a prefix is a word or a sign';
      return [{ path: '/prefix', severity: 'error', message }];
    }
    prefix = given.prefix ?? '🔔';
    return [];
  },
};

export const formatter = {
  format(event, target) {
    try {
      return format(event);
    } catch (error) {
      // Errors of the contract go as they are; without the rest the host would only see a trap.
      if (error?.tag) throw error;
      throw { tag: 'internal', val: `${error}\n${error?.stack}` };
    }
  },
};

const text = (val) => ({ tag: 'text', val });
const bold = (val) => ({ tag: 'bold', val });

function format(event) {
  if (event.body.tag !== 'fill') {
    throw { tag: 'unsupported', val: 'it speaks for fills only' };
  }
  const { slot, count } = event.body.val;
  const title = [
    text(`${prefix} `),
    bold(`${event.symbol ?? '?'} L${slot} filled`),
    text(` (${event.account?.name ?? '?'})`),
  ];
  const counts = `${count.shown} of ${count.total} orders filled`;
  // A count that is not the account's own is marked, and the account's own stands beside it.
  const lines =
    count.shown === count.detected
      ? [[text(counts)]]
      : [[text(`${counts} [Synchronized count]`)], [text(`this account: ${count.detected}`)]];
  return { tag: 'rich', val: { title, lines } };
}
