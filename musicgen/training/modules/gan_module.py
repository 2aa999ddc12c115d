"""Lightning module of the phrase GAN."""

import pytorch_lightning as pl
import torch
from pytorch_lightning.core.optimizer import LightningOptimizer
from torch import Tensor

from musicgen.models.gan import PhraseCritic, PhraseGenerator, gradient_penalty


class GanModule(pl.LightningModule):
    """Train a Wasserstein GAN with gradient penalty.

    Args:
        generator: The generator of phrases.
        critic: The critic of phrases.
        critic_steps: Updates of the critic per update of the generator.
        penalty: Weight of the gradient penalty; 10 in the paper.
        learning_rate: Learning rate of both Adam optimizers, with betas 0.5 and 0.9 as in the paper's code.
    """

    def __init__(
        self,
        generator: PhraseGenerator,
        critic: PhraseCritic,
        *,
        critic_steps: int = 5,
        penalty: float = 10.0,
        learning_rate: float = 5e-4,
    ) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.generator, self.critic = generator, critic
        self.critic_steps, self.penalty, self.learning_rate = critic_steps, penalty, learning_rate

    def training_step(self, real: Tensor, batch_idx: int) -> Tensor:
        """Update the critic on a batch of real phrases, and the generator every `critic_steps` batches."""
        of_generator, of_critic = self.optimizers()  # pyright: ignore[reportGeneralTypeIssues]
        with torch.no_grad():
            made = self.generator(self.generator.noise(len(real)))
        distance = self.critic(real).mean() - self.critic(made).mean()
        loss = self.penalty * gradient_penalty(self.critic, real, made) - distance
        self._update(of_critic, loss)
        if batch_idx % self.critic_steps == self.critic_steps - 1:
            score = self.critic(self.generator(self.generator.noise(len(real)))).mean()
            self._update(of_generator, -score)
        self.log("gan/train/distance", distance, on_step=False, on_epoch=True)
        return distance.detach()

    def configure_optimizers(self) -> list[torch.optim.Optimizer]:
        """Build the optimizers of generator and critic."""
        return [
            torch.optim.Adam(network.parameters(), lr=self.learning_rate, betas=(0.5, 0.9))
            for network in (self.generator, self.critic)
        ]

    def _update(self, optimizer: LightningOptimizer, loss: Tensor) -> None:
        optimizer.zero_grad()
        self.manual_backward(loss)
        optimizer.step()
