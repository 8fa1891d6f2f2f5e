//! Bytes that are no token, or not the one spelling of it.

use biscuit_auth::format::schema;

use super::cast::{CHECK, delegate, mint, reader, reads};
use super::draft::{bytes, held};
use super::format::Vector;
use crate::forge::Forge;

fn field(tag: u8, body: &[u8]) -> Vec<u8> {
    let mut field = vec![tag];
    prost::encoding::encode_varint(body.len() as u64, &mut field);
    field.extend(body);
    field
}

/// The length of a field whose length has two bytes, in three.
fn overlong(bytes: &[u8]) -> Vec<u8> {
    assert!(bytes[1] >= 0x80 && bytes[2] < 0x80, "{bytes:?}");
    let length = [bytes[0], bytes[1], bytes[2] | 0x80, 0];
    [&length[..], &bytes[3..]].concat()
}

/// A hop that says little, whose bytes follow.
fn hop() -> Vec<u8> {
    let text = format!("agent(\"reader\"); {CHECK}");
    let chain = mint(&reader()).append(&text);
    chain.blocks.last().unwrap().block.clone()
}

pub(super) fn vectors() -> Vec<Vector> {
    let chain = delegate(mint(&reader()), &reads("/srv/docs"));
    let token = chain.token();
    let key = &chain.holder;
    // A token ends in an empty proof: field 4, no bytes.
    let body = token.strip_suffix(&[0x22, 0]).unwrap();
    let malformed = |name: &str, says: &str, token: &[u8]| {
        bytes(name, says, token, key).deny("malformed", None)
    };
    let lax = "protobuf readers take other spellings of the same fields";
    let spelt = |name: &str, says: &str, token: &[u8]| {
        let draft = bytes(name, says, token, key);
        draft.stock_differs(lax).deny("malformed", None)
    };
    let signed = |name: &str, says: &str, block: Vec<u8>| {
        let chain = mint(&reader()).raw(block);
        held(name, says, &chain)
            .stock_differs(lax)
            .deny("malformed", None)
    };
    let block = hop();
    let text = |name: &str, says: &str, change: &dyn Fn(&str) -> String| {
        let draft = bytes(name, says, &token, key);
        draft
            .with(|vector| vector.token = change(&vector.token))
            .deny("malformed", None)
    };
    let many = (1..33).fold(mint(&reader()), |chain, index| {
        let block = match index {
            1 | 2 => chain
                .clone()
                .append(&format!("agent(\"reader\"); {CHECK}"))
                .blocks
                .pop(),
            _ => chain.blocks.last().cloned(),
        };
        chain.raw(block.unwrap().block)
    });
    vec![
        malformed("no_bytes", "Nothing at all.", &[]),
        malformed("not_a_token", "Bytes that are no protobuf.", &[0xff; 64]),
        malformed(
            "truncated",
            "The last byte is missing.",
            &token[..token.len() - 1],
        ),
        malformed(
            "trailing_byte",
            "A zero byte after the token.",
            &[&token[..], &[0]].concat(),
        ),
        malformed(
            "over_16_kib",
            "A byte more than a token may have.",
            &vec![0; 16 * 1024 + 1],
        ),
        spelt(
            "unknown_field",
            "A field that the schema does not know, after the token.",
            &[&token[..], &field(0x7a, b"x")].concat(),
        ),
        spelt(
            "overlong_varint",
            "A length is written in more bytes than it takes.",
            &{ overlong(&token) },
        ),
        spelt(
            "proof_first",
            "The fields of the token stand in another order.",
            &{ [&[0x22, 0], body].concat() },
        ),
        spelt("proof_twice", "The empty proof is written twice.", &{
            [&token[..], &[0x22, 0]].concat()
        }),
        text("text_padded", "The text form has padding.", &|text| {
            format!("{text}=")
        }),
        text(
            "text_with_a_line_end",
            "The text form has white space.",
            &|text| format!("{text}\n"),
        ),
        text(
            "text_in_the_other_alphabet",
            "The text form has `/` or `+`.",
            &|text| text.replacen(['-', '_'], "/", 1),
        ),
        held(
            "over_32_blocks",
            "A block more than a token may have, each of them honest.",
            &many,
        )
        .stock_differs("the number of blocks is a limit of the profile")
        .deny("malformed", None),
        {
            let chain = mint(&reader()).raw(vec![0xff; 40]);
            held(
                "block_of_no_protobuf",
                "A signed block of bytes that are no protobuf.",
                &chain,
            )
            .deny("malformed", None)
        },
        {
            let chain = mint(&reader()).raw([&field(0x0a, b"\xff"), &block[..]].concat());
            held(
                "string_of_no_text",
                "A signed block lists a string that is not UTF-8.",
                &chain,
            )
            .deny("malformed", None)
        },
        signed(
            "unknown_field_in_block",
            "A field that the schema does not know, in a block that its holder signed.",
            [&block[..], &field(0x7a, b"x")].concat(),
        ),
        signed(
            "overlong_varint_in_block",
            "A length in a signed block takes too many bytes.",
            {
                let length = [block[0], block[1] | 0x80, 0];
                [&length[..], &block[2..]].concat()
            },
        ),
        signed(
            "version_twice_in_block",
            "A signed block writes its version twice.",
            [&block[..], &[0x18, 3]].concat(),
        ),
        signed(
            "context_in_block",
            "A signed block has a context.",
            edit(&block, |block| {
                block.context = Some("x".to_owned());
            }),
        ),
        signed(
            "non_canonical_strings",
            "A signed block lists a string that nothing in it uses.",
            edit(&block, |block| block.symbols.push("unused".to_owned())),
        ),
        {
            let block = edit(&block, |block| block.symbols.push("time".to_owned()));
            let chain: Forge = mint(&reader()).raw(block);
            held(
                "string_known_already",
                "A signed block lists a string that every Biscuit knows.",
                &chain,
            )
            .deny("malformed", None)
        },
    ]
}

fn edit(bytes: &[u8], change: impl FnOnce(&mut schema::Block)) -> Vec<u8> {
    use prost::Message;
    let mut block = schema::Block::decode(bytes).unwrap();
    change(&mut block);
    block.encode_to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::forge;

    #[test]
    fn the_overlong_spelling_means_the_same() {
        let token = mint(&reader()).token();
        assert_eq!(forge::bytes(&forge::parts(&overlong(&token))), token);
    }
}
