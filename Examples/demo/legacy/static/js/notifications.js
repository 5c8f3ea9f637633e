// The legacy system's page: news comes with the next page, and the line only says when to load one.
const user = document.querySelector("meta[name=courier-user]").content;

function connect() {
  const line = new WebSocket(`ws://${location.host}/ws`);
  line.onmessage = ({ data }) => {
    if (data[0] === "0" && user) line.send(`1${user}`);
    if (data[0] === "7") location.reload();
  };
  line.onclose = () => setTimeout(connect, 2000);
}

if (user) connect();
