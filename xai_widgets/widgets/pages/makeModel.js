// What a view needs of a notebook's model, for pages without a notebook: get, set, and events.

function makeModel(state) {
  const events = new EventTarget();
  return {
    get: (name) => state[name],
    set(name, value) {
      state[name] = value;
      events.dispatchEvent(new Event(`change:${name}`));
    },
    save_changes() {},
    on: (name, handler) => events.addEventListener(name, handler),
    off: (name, handler) => events.removeEventListener(name, handler),
  };
}

export default makeModel;
