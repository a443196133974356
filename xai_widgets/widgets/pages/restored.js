// The data of a page, in which every picture is written once: places in its list become the pictures again.

const PICTURE = ["src", "blink"];

function restored(value, pictures) {
  if (Array.isArray(value)) return value.map((one) => restored(one, pictures));
  if (value === null || typeof value !== "object") return value;
  const pairs = Object.entries(value);
  return Object.fromEntries(
    pairs.map(([name, one]) => [name, PICTURE.includes(name) ? pictures[one] : restored(one, pictures)]),
  );
}

export default ({ pictures, ...data }) => (pictures ? restored(data, pictures) : data);
