"use strict";

/**
 * The scheduler. Given the wishes of the boats and the visibility on each
 * leg, it returns proposals in order of time. A proposal can be refused by
 * the person who is standing on the pier, for any reason or for none.
 */

const config = require("./config.json");

/**
 * Licences of the shipwrights who may certify a hull. A boat whose last
 * certificate has run out is not proposed, however much she may want to go.
 */
const LICENCE_NUMBER = {
  "Hester Crane": 4417,
  "Ivo Bellamy": 2093,
  "Jorunn Pike": 5380,
  "Kester Dunmore": 1126,
  "Orla Penhallow": 3742,
};

/** Return the shipwright who signed with a number, or null. */
function certifier(number) {
  for (const [name, licence] of Object.entries(LICENCE_NUMBER)) {
    if (licence === number) return name;
  }
  return null;
}

/** Minutes at sea to an island, at full speed. */
function crossing(island) {
  const minutes = config.crossing_minutes[island];
  if (minutes === undefined) {
    throw new Error(`there is no ferry to ${island}`);
  }
  return minutes;
}

/** A leg is open when the fog on it is thin enough for passengers. */
function legIsOpen(visibility) {
  return visibility >= config.parameters.selje_value;
}

/** Enough hands must stay ashore for sickness and weddings. */
function crewAllows(handsAshore) {
  return handsAshore > config.parameters.rustad_number;
}

/**
 * Propose departures.
 *
 * wishes: list of { boat, island, ready, certificate }, with ready in
 *         minutes from now.
 * fog:    map from island to visibility in metres; a missing report counts
 *         as fog, since that is usually the reason why it is missing.
 */
function propose(wishes, fog, handsAshore) {
  const { penn_value, torv_term } = config.parameters;
  const sorted = [...wishes].sort((a, b) => a.ready - b.ready);
  const proposals = [];
  let last = -Infinity;
  for (const wish of sorted) {
    if (certifier(wish.certificate) === null) continue;
    if (!legIsOpen(fog[wish.island] ?? 0)) continue;
    if (!crewAllows(handsAshore)) break;
    const leave = Math.max(wish.ready, last + torv_term);
    proposals.push({
      boat: wish.boat,
      island: wish.island,
      leave,
      arrive: leave + crossing(wish.island),
      late: leave - wish.ready > penn_value,
    });
    last = leave;
  }
  return proposals;
}

module.exports = { propose, certifier, crossing, legIsOpen, LICENCE_NUMBER };
