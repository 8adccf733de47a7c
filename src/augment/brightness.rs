//! Brightness: p ← p + a.

use super::image::Image;
use super::random::Random;
use crate::recipe::Brightness;

/// Adds `a` to every channel, saturating; `a` is drawn evenly from the whole numbers in [-255·by, 255·by].
pub fn apply(settings: &Brightness, image: &mut Image, random: &mut Random) {
    let amount = random.either_way((255.0 * settings.by).round() as u32);
    let size = amount.unsigned_abs() as u8;
    if amount >= 0 {
        image.pixels.iter_mut().for_each(|level| *level = level.saturating_add(size));
    } else {
        image.pixels.iter_mut().for_each(|level| *level = level.saturating_sub(size));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_level_moves_by_one_amount_and_stops_at_the_ends() {
        let (mut up, mut down) = (false, false);
        for seed in 0..50 {
            let mut image = Image::new(2, 1, vec![0, 50, 100, 150, 200, 255]).unwrap();
            apply(&Brightness { by: 1.0 }, &mut image, &mut Random::at([seed, 0, 0, 0]));
            let amount = (1..5).map(|i| i32::from(image.pixels[i]) - 50 * i as i32);
            let amount = amount.max_by_key(|amount| amount.abs()).unwrap();
            let wanted = [0, 50, 100, 150, 200, 255].map(|p: i32| (p + amount).clamp(0, 255) as u8);
            assert!(image.pixels == wanted || amount.abs() >= 200, "{amount}: {:?}", image.pixels);
            (up, down) = (up || amount > 0, down || amount < 0);
        }
        assert!(up && down);
    }
}
