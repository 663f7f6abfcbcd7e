//! The queue runner of a one-shot mode: it runs the queue once, or delivers what a session accepts.

use std::io;
use std::sync::Arc;

use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::desk::Desk;
use super::work;
use crate::daemon::runner::{Delivery, Pace, Rhythm, RunOptions, Runner, Stage, intake};
use crate::daemon::work_table::{Watched, WorkTable};

/// A queue runner at work.
pub(super) struct Runs {
    /// Takes messages that are to be delivered.
    pub(super) delivery: Delivery,
    stage: watch::Sender<Stage>,
    run: JoinHandle<()>,
}

impl Runs {
    /// Starts a runner.
    ///
    /// # Errors
    /// No memory, no descriptor.
    pub(super) fn start(desk: &Desk, rhythm: Rhythm, pace: Pace) -> io::Result<Self> {
        let services = &desk.services;
        let (delivery, taken) = intake();
        let (stage, reached) = watch::channel(Stage::Serving);
        let runner = Runner::new(
            services.queue.clone(),
            work::attempts(services.clone(), delivery.clone()),
            services.log.clone(),
            Watched::new(WorkTable::create()?),
            (*services.terms).clone(),
            RunOptions { rhythm, orphans: desk.orphans, pace, classes: Arc::clone(&services.site.classes) },
            Arc::clone(&desk.load),
        );
        Ok(Self { delivery, stage, run: tokio::spawn(runner.run(taken, reached)) })
    }

    /// Waits for the end of a single run.
    pub(super) async fn ended(self, ending: watch::Receiver<bool>) {
        self.wait(ending).await;
    }

    /// Delivers what was accepted, and ends.
    pub(super) async fn finish(self, ending: watch::Receiver<bool>) {
        self.stage.send_replace(Stage::Last);
        self.wait(ending).await;
    }

    /// Waits for the end; when the process must end, nothing new begins.
    async fn wait(mut self, mut ending: watch::Receiver<bool>) {
        let is_ending = async {
            if ending.wait_for(|is_ending| *is_ending).await.is_err() {
                std::future::pending::<()>().await;
            }
        };
        tokio::select! {
            _ = &mut self.run => return,
            () = is_ending => {}
        }
        self.stage.send_replace(Stage::Ending);
        // What the runner has not finished when the process ends stays in the queue.
        let _ = self.run.await;
    }
}
