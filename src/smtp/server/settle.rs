//! How a session goes on when it has its answer.

use super::event::{Answer, CommandRefusal, FilterMoment, Question};
use super::notes;
use super::session::Session;
use super::state::{Denial, Held, State, Transaction};
use super::texts;

impl Session {
    /// Goes on with the answer to the last question.
    pub(super) fn settle(&mut self, state: State, answer: Answer) {
        match (state, answer) {
            (State::ExpectOther { line, command }, Answer::Yes) => {
                self.state = State::ExpectCommand;
                (command.act)(self, &line);
            }
            (State::ExpectOther { .. }, Answer::No(refusal)) if refusal.reply.closes() => self.end(refusal.reply),
            (State::ExpectSender { address, params }, Answer::Yes) => self.check_sender(address, &params),
            (State::ExpectSenderVerdict { wrong: Some(reply), .. }, Answer::Yes) => self.resume(reply),
            (State::ExpectSenderVerdict { address, wrong: None }, Answer::Yes) => {
                self.filter(FilterMoment::Sender, Held::Sender { address });
            }
            (State::ExpectRecipient { address, params }, Answer::Yes) => self.check_recipient(address, &params),
            (State::ExpectRecipientVerdict, Answer::Recipient { address, queued }) => {
                self.filter(FilterMoment::Recipient, Held::Recipient(texts::recipient_ok(&address, queued)));
            }
            (State::ExpectRecipient { .. } | State::ExpectRecipientVerdict, Answer::No(refusal)) => {
                self.refuse_recipient(refusal);
            }
            (State::ExpectMessageVerdict, Answer::Yes) => self.filter(FilterMoment::Message, Held::Message),
            (State::ExpectHeaderVerdict(message), Answer::Yes) => {
                self.filter(FilterMoment::Header, Held::Header(message));
            }
            (State::ExpectHeaderVerdict(message), Answer::No(refusal)) => self.object(Held::Header(message), refusal),
            (State::ExpectFilters(held), Answer::Yes) => self.proceed(held),
            (State::ExpectFilters(held), Answer::No(refusal)) => self.object(held, refusal),
            (State::ExpectAuthVerdict, Answer::Challenge(challenge)) => {
                self.send(texts::auth_challenge(&challenge));
                self.state = State::ExpectAuthLine;
            }
            (State::ExpectAuthVerdict, Answer::Yes) => {
                self.is_authenticated = true;
                self.resume(texts::authenticated());
            }
            (State::ExpectReply { ends_message }, Answer::Reply(reply) | Answer::No(CommandRefusal { reply, .. })) => {
                if ends_message {
                    self.forget_transaction();
                }
                self.resume(reply);
            }
            (_, Answer::No(refusal)) => self.resume(refusal.reply),
            (state, answer) => {
                debug_assert!(false, "{answer:?} does not answer {state:?}");
                self.resume(texts::try_again());
            }
        }
    }

    /// Answers a bad RCPT.
    pub(super) fn refuse_recipient(&mut self, refusal: CommandRefusal) {
        self.counters.bad_recipients += 1;
        if !refusal.logged {
            self.log(notes::refusal(&refusal.reply));
        }
        self.resume(refusal.reply);
    }

    /// Asks the mail filters, where there are any, and goes on with `held` unless they object.
    pub(super) fn filter(&mut self, moment: FilterMoment, held: Held) {
        if self.settings.filtered {
            self.ask(Question::Filters(moment), State::ExpectFilters(held));
        } else {
            self.proceed(held);
        }
    }

    /// Goes on with what the filters let pass.
    fn proceed(&mut self, held: Held) {
        match held {
            Held::Greeting(reply) | Held::Hello(reply) => self.resume(reply),
            Held::Recipient(reply) => {
                if let Some(transaction) = self.transaction.as_mut() {
                    transaction.recipients += 1;
                }
                self.resume(reply);
            }
            Held::Unknown(reply) => {
                self.state = State::ExpectCommand;
                self.bad_command(reply);
            }
            Held::Sender { address } => {
                let reply = texts::sender_ok(&address);
                self.transaction = Some(Transaction { sender: address, recipients: 0 });
                self.counters.bad_recipients = 0;
                self.resume(reply);
            }
            Held::Message => self.begin_message(),
            Held::Header(message) => self.state = State::ExpectData(message),
        }
    }

    /// Goes on with what filters or the rules for the header do not let pass.
    fn object(&mut self, held: Held, refusal: CommandRefusal) {
        match held {
            Held::Greeting(_) if refusal.reply.closes() => self.end(refusal.reply),
            Held::Greeting(reply) => {
                self.denial = Some(Denial::Client(refusal.reply));
                self.resume(reply);
            }
            Held::Recipient(_) => self.refuse_recipient(refusal),
            Held::Header(mut message) => {
                message.refuse(refusal.reply);
                self.state = State::ExpectData(message);
            }
            Held::Hello(_) | Held::Sender { .. } | Held::Message | Held::Unknown(_) => self.resume(refusal.reply),
        }
    }
}
