// The page of a room that was deleted, or whose reader is no member any more. What was typed stays, to be copied.

const byId = (id) => document.getElementById(id);

/** Offers the way back and removes what the page cannot know any more: who is there, and the forms of the room. */
export function close(form) {
  form.querySelector(".send").hidden = true;
  byId("back-to-rooms").hidden = false;
  byId("room-empty").hidden = true;
  for (const name of ["open-people", "people", "open-room-menu", "room-menu", "room-settings"]) byId(name)?.remove();
  byId("typing").replaceChildren();
  byId(`room-${byId("feed").dataset.room}`)?.remove();
}
