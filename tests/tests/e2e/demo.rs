//! `make run`: the demo's script, with ports of its own so that it can run beside other tests.

use std::fs;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;

use rustix::process::{Pid, Signal, kill_process};
use tests::client;
use tests::{Answer, DEADLINE, Home, Process, Stream, closed_ports, full};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// The fixed ports, in the order of `DEMO_PORTS`.
const NAMES: [(&str, u16); 6] = [
    ("gateway", 8080),
    ("admin", 9090),
    ("users", 7001),
    ("orders", 7002),
    ("products", 7003),
    ("payments", 7004),
];

/// The demo in a folder of its own; all that it has started ends with it.
struct Demo {
    home: Home,
    ports: [SocketAddr; 6],
}

impl Demo {
    fn new() -> Self {
        let (home, ports) = (Home::new(), closed_ports());
        let mut config = fs::read_to_string(format!("{ROOT}/config/glassgate.yaml")).unwrap();
        for ((name, fixed), own) in NAMES.iter().zip(ports) {
            let fixed = format!("127.0.0.1:{fixed}");
            assert!(config.contains(&fixed), "the demo's configuration does not name {name} at {fixed}");
            config = config.replace(&fixed, &own.to_string());
        }
        home.write("glassgate.yaml", config);
        for entry in fs::read_dir(format!("{ROOT}/config/schema")).unwrap() {
            let path = entry.unwrap().path();
            home.write(Path::new("schema").join(path.file_name().unwrap()), fs::read(&path).unwrap());
        }
        Self { home, ports }
    }

    fn start(&self) -> Process {
        let ports = self.ports.map(|address| address.port().to_string()).join(" ");
        let mut command = tests::command(format!("{ROOT}/scripts/run.sh"));
        command.env("DEMO_CONFIG", self.home.path("glassgate.yaml")).env("DEMO_PORTS", ports);
        command.env("DEMO_BINARIES", tests::binaries()).env("DEMO_LOGS", self.home.path("logs"));
        Process::start("scripts/run.sh", &mut command)
    }

    /// What still runs of it: its processes have inherited where the configuration is.
    fn processes(&self) -> Vec<Pid> {
        let config = self.home.path("glassgate.yaml");
        let config = config.to_str().expect("a readable path").as_bytes();
        let is_ours = |id: &Pid| {
            // One that has just ended, or is another user's, has none.
            let environment = fs::read(format!("/proc/{id}/environ")).unwrap_or_default();
            environment.windows(config.len()).any(|part| part == config)
        };
        let entries = fs::read_dir("/proc").expect("Linux").map_while(Result::ok);
        let ids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        ids.filter_map(Pid::from_raw).filter(is_ours).collect()
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        for process in self.processes() {
            // It may have ended meanwhile, and then there is nothing to do.
            let _ = kill_process(process, Signal::KILL);
        }
    }
}

/// The commands that the demo prints, each as its words; `|` is a word.
fn printed_commands(lines: &[tests::Line]) -> Vec<Vec<String>> {
    let printed = lines.iter().filter(|line| line.stream == Stream::Out).map(|line| line.text.as_str());
    let text = printed.collect::<Vec<_>>().join("\n").replace("\\\n", " ");
    text.lines().filter(|line| line.trim().starts_with("curl ")).map(words).collect()
}

/// The words of a shell command, as far as single quotes go.
fn words(command: &str) -> Vec<String> {
    let (mut words, mut quoted) = (vec![String::new()], false);
    for character in command.trim().chars() {
        match character {
            '\'' => quoted = !quoted,
            ' ' if !quoted => words.push(String::new()),
            _ => words.last_mut().expect("one at least").push(character),
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

/// Does what this command of curl would do.
async fn curl(words: &[String]) -> Answer {
    let mut words = words[1..].iter().take_while(|word| *word != "|");
    let (mut url, mut headers, mut data) = ("", Vec::new(), None);
    while let Some(word) = words.next() {
        match word.as_str() {
            "-i" | "-s" => {}
            "-H" => headers.push(words.next().expect("a header").split_once(": ").expect("name and value")),
            "-d" => data = Some(words.next().expect("data").clone()),
            word => url = word,
        }
    }
    let mut request = client::request(if data.is_some() { "POST" } else { "GET" }, url);
    for (name, value) in headers {
        request = request.header(name, value);
    }
    client::send(request.body(full(data.unwrap_or_default())).unwrap()).await
}

#[tokio::test]
async fn the_demo_becomes_ready_does_what_it_says_and_stops() {
    let demo = Demo::new();
    let process = demo.start();
    let ready =
        |lines: &[tests::Line]| lines.iter().any(|line| line.text.contains("Ctrl-C stops")).then_some(());
    process.output("it is ready", DEADLINE, ready).await;
    assert!(demo.processes().len() >= 3, "the script, the services and the gateway");

    let commands = printed_commands(&process.lines());
    assert_eq!(commands.len(), 3, "{commands:?}");
    let [rest, graphql, metrics] =
        [curl(&commands[0]).await, curl(&commands[1]).await, curl(&commands[2]).await];
    assert_eq!((rest.status.as_u16(), &rest.json()["id"]), (200, &1.into()));
    let composed = graphql.json();
    assert!(composed.get("errors").is_none(), "{composed}");
    assert!(composed["data"]["users"][0]["orders"][0]["payment"]["status"].is_string(), "{composed}");
    let [.., pipe, grep, pattern] = commands[2].as_slice() else { panic!("{:?}", commands[2]) };
    assert_eq!((pipe.as_str(), grep.as_str()), ("|", "grep"));
    assert!(metrics.text().lines().any(|line| line.contains(pattern.as_str())), "{}", metrics.text());

    process.signal(Signal::INT);
    let exit = process.exit(DEADLINE).await;
    assert_eq!((exit.code, exit.stderr.as_str()), (Some(0), ""), "{exit:?}");
    assert_eq!(demo.processes(), [], "something is left");
    for port in demo.ports {
        assert!(TcpStream::connect(port).is_err(), "something listens at {port}");
    }
}

#[tokio::test]
async fn a_port_that_is_taken_is_named_with_what_to_do() {
    let demo = Demo::new();
    let _gateway = TcpListener::bind(demo.ports[0]).unwrap();
    let _orders = TcpListener::bind(demo.ports[3]).unwrap();
    let exit = demo.start().exit(DEADLINE).await;
    assert_eq!((exit.code, exit.stdout.as_str()), (Some(1), ""), "{exit:?}");
    let told: Vec<&str> = exit.stderr.lines().collect();
    assert_eq!(told.len(), 2, "{exit:?}");
    for (line, (name, address)) in told.iter().zip([("gateway", demo.ports[0]), ("orders", demo.ports[3])]) {
        let port = address.port();
        assert!(
            line.starts_with(&format!("port {port} ({name}) is taken: stop what listens there")),
            "{line}"
        );
        assert!(line.contains(&format!("sport = :{port}")), "{line}");
    }
    assert_eq!(demo.processes(), [], "something was started");
}
