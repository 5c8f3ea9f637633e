// The unified system's page: takes what is pushed, shows it, and says that it arrived.
const user = document.querySelector("meta[name=courier-user]").content;
const centre = document.getElementById("notification-centre");

function show({ category, title }) {
  const note = document.createElement("p");
  note.className = `notification ${category}`;
  note.textContent = title;
  centre.append(note);
  setTimeout(() => note.remove(), 6000);
}

function connect() {
  const line = new WebSocket(`ws://${location.host}/ws`);
  line.onmessage = ({ data }) => {
    if (data[0] === "0" && user) line.send(`1${user}`);
    if (data[0] !== "4") return;
    const push = JSON.parse(data.slice(1));
    const whole = new TextEncoder().encode(push.title).length === push.length;
    if (whole) show(push);
    line.send(`${whole ? "5" : "6"}${push.id}`);
  };
  line.onclose = () => setTimeout(connect, 2000);
}

connect();
