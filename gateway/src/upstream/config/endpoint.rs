//! One entry of `endpoints:`; either only a URL, or a URL with its weight.

use std::{borrow::Cow, fmt};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, de};

use super::EndpointUrl;

/// Heavier than this next to a weight of 1 means in practice "all of it"; it also bounds the round robin's table.
pub const MAX_WEIGHT: u32 = 1_000;

/// Where one or more instances of a service run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EndpointConfig {
    /// `http://host:port` or `https://host:port`. A name with several addresses stands for as many endpoints.
    pub url: EndpointUrl,
    /// Share of the requests next to the other endpoints, 1 to 1000. Each address of a name has it.
    pub weight: u32,
}

impl<'de> Deserialize<'de> for EndpointConfig {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Full {
            url: EndpointUrl,
            #[serde(default = "usual_weight")]
            weight: u32,
        }

        struct Visitor;
        impl<'de> de::Visitor<'de> for Visitor {
            type Value = EndpointConfig;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a URL, or `url` and `weight`")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<EndpointConfig, E> {
                Ok(EndpointConfig { url: text.parse().map_err(E::custom)?, weight: usual_weight() })
            }
            fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<EndpointConfig, A::Error> {
                let Full { url, weight } = Full::deserialize(de::value::MapAccessDeserializer::new(map))?;
                if !(1..=MAX_WEIGHT).contains(&weight) {
                    return Err(de::Error::custom(format!(
                        "the weight {weight} is out of range; write a number from 1 to {MAX_WEIGHT}"
                    )));
                }
                Ok(EndpointConfig { url, weight })
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

fn usual_weight() -> u32 {
    1
}

impl JsonSchema for EndpointConfig {
    fn schema_name() -> Cow<'static, str> {
        "EndpointConfig".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let url = generator.subschema_for::<EndpointUrl>();
        let mut described = url.clone();
        described.insert(
            "description".into(),
            "Where to connect to. Each address of a name is an endpoint.".into(),
        );
        json_schema!({
            "description": "Where one or more instances of a service run: a URL, or a URL and its weight.",
            "anyOf": [
                url,
                {
                    "type": "object",
                    "properties": {
                        "url": described,
                        "weight": {
                            "description": "Share of the requests next to the other endpoints: 3 gets three times as many as 1. Each address of a name has it.",
                            "type": "integer", "minimum": 1, "maximum": MAX_WEIGHT, "default": 1
                        }
                    },
                    "required": ["url"],
                    "additionalProperties": false
                }
            ]
        })
    }
}
