// Reads calendars as ical.js does: each line of input is one calendar in base64, each line of output what it says, as
// JSON; {"error": …} for what cannot be read. Instants are seconds since 1970. Ends with its input.
import { createInterface } from "node:readline";
import ICAL from "ical.js";

const MOST = 1000; // occurrences of a series: ours end before

function seconds(time) {
  if (time.isDate || time.zone === ICAL.Timezone.localTimezone) throw new Error(`in no zone: ${time}`);
  return time.toUnixTime();
}

function words(event) {
  const { component, organizer, sequence, uid } = event;
  const of = (name) => component.getFirstPropertyValue(name);
  const attendees = event.attendees.map((one) => [one.getFirstValue(), one.getParameter("partstat")]);
  const slot = event.recurrenceId ? seconds(event.recurrenceId) : null;
  return { uid, slot, sequence, organizer, attendees, status: of("status"), transp: of("transp"), summary: of("summary") };
}

// Events with one UID: the series and what takes the place of some of its occurrences, or one that happens once.
function times(events) {
  const master = events.find((event) => !event.isRecurrenceException());
  if (!master?.isRecurring()) return events.map((event) => [seconds(event.startDate), seconds(event.endDate)]);
  const exceptions = events.filter((event) => event !== master);
  const series = new ICAL.Event(master.component, { exceptions, strictExceptions: true });
  const walk = series.iterator();
  const found = [];
  for (let next = walk.next(); next && found.length < MOST; next = walk.next()) {
    const { startDate, endDate } = series.getOccurrenceDetails(next);
    found.push([seconds(startDate), seconds(endDate)]);
  }
  return found;
}

function taken(part) {
  const lines = part.getAllProperties("freebusy");
  return lines.flatMap((line) => line.getValues()).map((period) => [seconds(period.start), seconds(period.getEnd())]);
}

function read(text) {
  const calendar = new ICAL.Component(ICAL.parse(text));
  const events = calendar.getAllSubcomponents("vevent").map((one) => new ICAL.Event(one, { exceptions: [] }));
  const series = new Map();
  for (const event of events) series.set(event.uid, [...(series.get(event.uid) ?? []), event]);
  return {
    methods: calendar.getAllProperties("method").map((line) => line.getFirstValue()),
    events: events.map(words),
    times: [...[...series.values()].flatMap(times), ...calendar.getAllSubcomponents("vfreebusy").flatMap(taken)],
  };
}

for await (const line of createInterface({ input: process.stdin })) {
  let said;
  try {
    said = read(Buffer.from(line, "base64").toString("utf8"));
  } catch (error) {
    said = { error: `${error}` };
  }
  process.stdout.write(`${JSON.stringify(said)}\n`);
}
