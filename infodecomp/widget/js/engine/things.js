// How objects, places and the factors of a reading are numbered.
export const NOUNS = 8;
export const STATES = 2;
export const COLOURS = 4;
export const KINDS = STATES * COLOURS; // of each noun
export const THINGS = NOUNS * KINDS;
export const LAYOUTS = 4; // beside or stacked, near or far
export const PLACES = 2 * LAYOUTS; // in each layout a first slot and a second

export const nounOf = (thing) => Math.floor(thing / KINDS);
export const stateOf = (thing) => Math.floor((thing % KINDS) / COLOURS);
export const colourOf = (thing) => thing % COLOURS;
export const thingOf = (noun, state, colour) => noun * KINDS + state * COLOURS + colour;

export const layoutOf = ({ axis, far }) => 2 * axis + far;
export const placeOf = (layout, slot) => 2 * layout + slot;

/** The slot of the object that a text names k-th: order 1 names the object of the second slot first. */
export const slotOf = (k, order) => (order === 0 ? k : 1 - k);

// A reading is one row of factors: of the layouts, of day and night, of the things in the first and the second slot.
export const skyAt = (night) => LAYOUTS + night;
export const thingsAt = (slot) => skyAt(2) + slot * THINGS;
export const ROW = thingsAt(2);
