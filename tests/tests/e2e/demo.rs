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

    /// A URL on the gateway.
    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.ports[0])
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
    let is_command = |line: &&str| line.starts_with("curl ") || line.starts_with("TOKEN=$(curl ");
    text.lines().map(str::trim).filter(is_command).map(words).collect()
}

/// The words of a shell command, as far as quotes go.
fn words(command: &str) -> Vec<String> {
    let (mut words, mut quote) = (vec![String::new()], None);
    for character in command.chars() {
        match character {
            '\'' | '"' if quote.is_none() => quote = Some(character),
            _ if quote == Some(character) => quote = None,
            ' ' if quote.is_none() => words.push(String::new()),
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

    let mut commands = printed_commands(&process.lines());
    assert_eq!(commands.len(), 5, "{commands:?}");
    let open = curl(&commands[0]).await;
    assert_eq!((open.status.as_u16(), &open.json()["id"]), (200, &1.into()));
    let [.., pipe, cut, d, quote, f, field] = commands[1].as_slice() else { panic!("{:?}", commands[1]) };
    assert_eq!([pipe, cut, d, quote, f, field].map(String::as_str), ["|", "cut", "-d", "\"", "-f", "4)"]);
    let login = curl(&commands[1]).await.text();
    let token = login.split('"').nth(3).expect("a token");
    for word in commands.iter_mut().flatten() {
        *word = word.replace("$TOKEN", token);
    }
    let [rest, graphql, metrics] =
        [curl(&commands[2]).await, curl(&commands[3]).await, curl(&commands[4]).await];
    assert_eq!((rest.status.as_u16(), &rest.json()["id"]), (200, &1.into()));
    let composed = graphql.json();
    assert!(composed.get("errors").is_none(), "{composed}");
    assert!(composed["data"]["users"][0]["orders"][0]["payment"]["status"].is_string(), "{composed}");
    let [.., pipe, grep, pattern] = commands[4].as_slice() else { panic!("{:?}", commands[4]) };
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

/// A user who may look at payments.
const TENTH: &str = "jean.abel.10@example.com";

/// A token of a user of the demo's.
async fn token(demo: &Demo, email: &str) -> String {
    let login = format!(r#"{{"email":"{email}","password":"demo"}}"#);
    let request = client::request("POST", &demo.url("/api/login")).body(full(login)).unwrap();
    let answer = client::send(request).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()["access_token"].as_str().expect("a token").to_owned()
}

#[tokio::test]
async fn the_demo_protects_what_it_says() {
    let demo = Demo::new();
    let process = demo.start();
    let ready =
        |lines: &[tests::Line]| lines.iter().any(|line| line.text.contains("Ctrl-C stops")).then_some(());
    process.output("it is ready", DEADLINE, ready).await;
    let all = token(&demo, "alan.abel.1@example.com").await;
    let some = token(&demo, "barbara.abel.2@example.com").await;
    let ask = async |method: &str, path: &str, token: Option<&str>, body: &str| {
        let mut request = client::request(method, &demo.url(path)).header("content-type", "application/json");
        if let Some(token) = token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        client::send(request.body(full(body.to_owned())).unwrap()).await
    };
    let order = r#"{"user_id":1,"items":[{"product_id":7,"quantity":1}]}"#;
    let payments = r#"{"query":"{ order(id: 1) { id payment { status } } me { id } }"}"#;

    assert_eq!(ask("GET", "/api/products/1", None, "").await.status, 200);
    for (method, path, body) in
        [("GET", "/api/users/1", ""), ("POST", "/api/orders", order), ("POST", "/graphql", payments)]
    {
        let answer = ask(method, path, None, body).await;
        assert_eq!(answer.refused(401), "credentials_missing", "{path}");
        assert_eq!(answer.header("www-authenticate"), "Bearer realm=\"api\"", "{path}");
    }
    assert_eq!(ask("GET", "/api/users/1", Some(&some), "").await.status, 200);
    let answer = ask("GET", "/api/payments/1", Some(&some), "").await;
    assert_eq!(answer.refused(403), "insufficient_scope");
    assert!(answer.header("www-authenticate").contains("payments:read"), "{answer:?}");
    assert_eq!(ask("GET", "/api/payments/1", Some(&all), "").await.status, 200);

    let answer = ask("POST", "/graphql", Some(&all), payments).await.json();
    assert!(answer["data"]["order"]["payment"]["status"].is_string(), "{answer}");
    let answer = ask("POST", "/graphql", Some(&some), payments).await.json();
    assert!(answer["data"]["order"]["payment"].is_null(), "{answer}");
    assert_eq!(answer["data"]["me"]["id"], "2", "{answer}");
    assert_eq!(answer["errors"][0]["extensions"]["code"], "insufficient_scope", "{answer}");

    let rotate = client::request("POST", &format!("http://{}/keys/rotate", demo.ports[2]));
    assert_eq!(client::send(rotate.body(full("")).unwrap()).await.status, 200);
    let newer = token(&demo, "alan.abel.1@example.com").await;
    assert_eq!(ask("GET", "/api/users/1", Some(&newer), "").await.status, 200, "a key that is new");
    assert_eq!(ask("GET", "/api/users/1", Some(&all), "").await.status, 200, "a key that is kept");

    let of_another = ask("DELETE", "/api/users/3", Some(&some), "").await;
    assert_eq!(of_another.refused(403), "access_denied");
    assert_eq!(ask("PATCH", "/api/users/2", Some(&some), r#"{"name":"Barbara"}"#).await.status, 200);
    assert_eq!(ask("DELETE", "/api/users/3", Some(&all), "").await.status, 204, "who may write users");
    let answer = ask("POST", "/api/payments/4999/refund", Some(&token(&demo, TENTH).await), "").await;
    assert!(answer.refused(403) == "insufficient_scope", "to look at payments is not to refund them");

    // Ten at once, and none of the eleventh within the six seconds in which the next one grows.
    let mut refused = 0;
    for _ in 0..30 {
        let answer = ask("POST", "/api/orders", Some(&all), order).await;
        if answer.status == 429 {
            assert_eq!(answer.refused(429), "rate_limited");
            refused += 1;
        }
    }
    assert!(refused > 0, "more than ten orders a minute");

    let input = r#"(input: {userId: 2, items: [{productId: 7}]}) { id }"#;
    let mutations = |count: usize| -> String {
        let fields: String = (0..count).map(|n| format!("m{n}: createOrder{input} ")).collect();
        serde_json::json!({ "query": format!("mutation {{ {fields} }}") }).to_string()
    };
    for (token, count) in [(&some, 11), (&all, 9)] {
        let answer = ask("POST", "/graphql", Some(token), &mutations(count)).await;
        let code = answer.json()["errors"][0]["extensions"]["code"].clone();
        assert_eq!((answer.status.as_u16(), code), (429, "rate_limited".into()), "{count} orders");
    }
    let answer = ask("POST", "/graphql", Some(&some), &mutations(10)).await;
    assert!(answer.json()["data"]["m9"]["id"].is_string(), "ten orders: {}", answer.text());
    assert_eq!(ask("POST", "/graphql", Some(&some), &mutations(10)).await.status, 429, "ten more");
    let answer = ask("POST", "/graphql", Some(&some), payments).await;
    assert_eq!(answer.status, 200, "a query takes nothing of it");
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
